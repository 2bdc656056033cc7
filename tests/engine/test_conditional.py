"""What conditional models need, and those who ask them for samples, is said before anything is written."""

import functools
from types import SimpleNamespace

import pytest
import tiny
from tiny import Flat, Maker, TinyImages, image_cgan, image_gan

from kantor.engine.check import check_model
from kantor.engine.sample import labels_of
from kantor.errors import UserError
from kantor.nets.conditional import ConcatenationDiscriminator, ConditionalGenerator
from kantor.nets.flat import ToImages

LABELLED = functools.partial(TinyImages, labelled=True)


def generator_of(classes):
    body = ToImages(network=tiny.mlp(8, tiny.SIDE**2), channels=1, image_size=tiny.SIDE)
    return ConditionalGenerator(network=body, classes=classes, embedding_dim=4)


def discriminator_of(classes):
    return ConcatenationDiscriminator(network=Flat(2), classes=classes, image_size=tiny.SIDE)


@pytest.mark.parametrize(("model", "data"), [(image_cgan, LABELLED), (image_gan, LABELLED), (image_gan, TinyImages)])
def test_a_model_takes_data_of_its_classes_and_an_unconditional_one_takes_all(model, data):
    check_model(model(), data())


@pytest.mark.parametrize(
    ("model", "data", "sentence"),
    [
        (image_cgan, TinyImages, "model.classes=4: data=tiny have no labels; take data with .*=null, an unconditional"),
        (
            functools.partial(image_cgan, classes=3),
            LABELLED,
            "model.classes=3: data=tiny have labels of 4 classes; take data with as many, or model.classes=4",
        ),
        (
            functools.partial(image_cgan, generator=lambda: generator_of(3)),
            LABELLED,
            "model.generator: it cannot take its noise and labels 0 … 3: index out of range",
        ),
        (
            functools.partial(image_cgan, critic=lambda: discriminator_of(2)),
            LABELLED,
            r"model.critic: it cannot take the data, which are \(1, 8, 8\) and labels 0 … 3 \(index out of range",
        ),
        (
            functools.partial(image_cgan, generator=lambda: generator_of(6)),
            LABELLED,
            "model: its generator is made for labels of 6 classes, and model.classes=4; leave out",
        ),
        (
            functools.partial(image_cgan, critic=lambda: discriminator_of(6)),
            LABELLED,
            "model: its .* is made for labels of 6 classes, and model.classes=4; leave out",
        ),
        (
            functools.partial(image_cgan, generator=Maker),
            LABELLED,
            "model.generator: it cannot take its noise and labels 0 … 3: .*3 were given",
        ),
        (
            functools.partial(image_gan, generator=lambda: generator_of(4)),
            LABELLED,
            "model.generator: it cannot take its noise: .*'labels'",
        ),
    ],
)
def test_what_does_not_go_together_is_refused_in_a_sentence(model, data, sentence):
    with pytest.raises(UserError, match=sentence):
        check_model(model(), data())


def test_a_condition_becomes_one_label_for_each_sample():
    model = SimpleNamespace(classes=3)
    assert labels_of("2", 5, model)[:5].tolist() == [2] * 5
    assert labels_of("all", 5, model)[:5].tolist() == [0, 1, 2, 0, 1]
    assert labels_of(None, 5, model) is None
    assert labels_of("all", 700, model)[:700].tolist() == [i % 3 for i in range(700)]  # over several chunks


@pytest.mark.parametrize("condition", ["3", "-1", "1.5", "two", "", "²"])
def test_a_label_out_of_range_is_refused(condition):
    with pytest.raises(UserError, match=f"condition={condition}: expected a label from 0 to 2, or all for one class"):
        labels_of(condition, 5, SimpleNamespace(classes=3))


@pytest.mark.parametrize("condition", ["0", "all"])
def test_an_unconditional_model_takes_no_condition(condition):
    with pytest.raises(UserError, match=f"condition={condition}: the model is unconditional"):
        labels_of(condition, 5, SimpleNamespace(classes=None))
