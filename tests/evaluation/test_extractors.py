import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from kantor.digests import sha256
from kantor.errors import UserError
from kantor.evaluation.extractors import Pixels
from kantor.evaluation.extractors.classifiers import mnist_cnn, shapes_cnn
from kantor.evaluation.extractors.modules import Module
from kantor.evaluation.extractors.pixels import area_weights
from kantor.testing import check_extractor


def pictures(n=6, shape=(3, 8, 8), seed=0):
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 256, (n, *shape), dtype=np.uint8))


PIXELS = {"whole": Pixels(None), "halved": Pixels(4), "uneven": Pixels(3), "one": Pixels(1), "larger": Pixels(32)}
each = pytest.mark.parametrize("extractor", PIXELS.values(), ids=PIXELS.keys())


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 5, 3), nn.ReLU(), nn.Flatten(), nn.Linear(180, 7))


# inception has the same tests in its own file, where its file of weights is
ALL = {
    **{f"pixels, {name}": (extractor, (3, 8, 8)) for name, extractor in PIXELS.items()},
    "mnist_cnn": (mnist_cnn(image_size=28, enlarge="pad"), (1, 28, 28)),
    "mnist_cnn, padded": (mnist_cnn(image_size=32, enlarge="pad"), (1, 32, 32)),
    "mnist_cnn, stretched": (mnist_cnn(image_size=32, enlarge="resize"), (1, 32, 32)),
    "shapes_cnn": (shapes_cnn(), (3, 64, 64)),
    "module": (Module(module=net(), weights=None, range="unit", batch=4, classes=None), (3, 8, 8)),
}
every = pytest.mark.parametrize(("extractor", "shape"), ALL.values(), ids=ALL.keys())


def test_levels_are_flattened_channels_first():
    images = torch.tensor([[[[0, 64]], [[128, 255]]]], dtype=torch.uint8)  # (1, 2, 1, 2)
    assert Pixels(None)(images).features.tolist() == [[0.0, 0.25, 0.5, 255 / 256]]


def test_squares_are_averaged_by_hand():
    images = torch.tensor([[[[0, 4, 100, 100], [8, 4, 100, 104]]]], dtype=torch.uint8)
    assert (256 * Pixels(2)(images).features).tolist() == [
        [2.0, 100.0, 6.0, 102.0]
    ]  # two rows fit, four columns do not
    assert (256 * Pixels(1)(images).features).tolist() == [[52.5]]


@pytest.mark.parametrize("size", [1, 2, 4, 8])
def test_where_the_size_divides_it_is_pytorchs_average_pooling(size):
    images = pictures(shape=(3, 16, 16))
    pooled = F.adaptive_avg_pool2d(images.double(), size).flatten(1) / 256
    torch.testing.assert_close(Pixels(size)(images).features, pooled, rtol=0, atol=0)


def test_where_it_does_not_pixels_are_shared_by_area():
    """Three pixels on two: each takes one and a half."""
    torch.testing.assert_close(area_weights(3, 2), torch.tensor([[2, 1, 0], [0, 1, 2]]).double() / 3)


@pytest.mark.parametrize(("length", "size"), [(3, 2), (7, 3), (64, 28), (100, 32), (5, 5), (64, 32)])
def test_area_weights_average_and_leave_nothing_out(length, size):
    weights = area_weights(length, size)
    assert weights.shape == (size, length) and (weights >= 0).all()
    torch.testing.assert_close(weights.sum(1), torch.ones(size).double())
    torch.testing.assert_close(weights.sum(0), torch.full((length,), size / length).double())


@each
def test_the_mean_is_kept(extractor):
    images = pictures()
    found = extractor(images).features.mean(1)
    torch.testing.assert_close(found, images.double().flatten(1).mean(1) / 256, rtol=1e-13, atol=0)


@every
def test_every_extractor_is_what_an_evaluation_takes(extractor, shape):
    check_extractor(extractor, pictures(70, shape))  # more than one batch of any of them


@each
def test_pixels_are_in_0_1(extractor):
    found = extractor(pictures()).features
    assert (found >= 0).all() and (found < 1).all()


@every
def test_wrong_types_and_shapes_are_refused(extractor, shape):
    images = pictures(2, shape)
    for wrong, message in {
        images.float(): "takes uint8 pictures, levels 0 … 255, not float32: convert pictures in",
        images.short(): "not int16",
        images[0]: "takes pictures of shape",
        images[:0]: "takes pictures of shape",
    }.items():
        with pytest.raises(UserError, match=message):
            extractor(wrong)


def test_extractors_are_told_apart():
    assert len({sha256(extractor.identity()) for extractor, _ in ALL.values()}) == len(ALL)


def test_small_pictures_are_left_as_they_are():
    images = pictures(shape=(1, 28, 28))
    assert torch.equal(Pixels(32)(images).features, Pixels(None)(images).features)


@pytest.mark.parametrize("size", [None, 32])
def test_inner_products_are_exact(size):
    """What makes distances independent of threads and machines."""
    x = Pixels(size)(pictures(20, (3, 64, 64))).features
    integers = (x * 1024).numpy().astype(object)
    assert (integers == np.vectorize(int)(integers)).all()
    exact = integers.astype(np.int64) @ integers.astype(np.int64).T
    assert np.array_equal((x @ x.T).numpy() * 1024**2, exact.astype(np.float64))


@each
def test_identities_are_plain_and_tell_settings_apart(extractor):
    identity = extractor.identity()
    assert identity["name"] == "pixels" and identity["size"] == extractor.size
    assert [sha256(other.identity()) == sha256(identity) for other in PIXELS.values()].count(True) == 1


def test_a_size_out_of_range_is_refused():
    with pytest.raises(UserError, match="size=0: expected"):
        Pixels(0)
