"""Inception: what torch-fidelity's own network says of the same pictures, from one shared file of random weights."""

import hashlib
import pickle
import shutil

import pytest
import torch
from inception_file import random_pictures
from mirrors import serving
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x

from kantor.errors import UserError
from kantor.evaluation.extractors import inception
from kantor.evaluation.extractors.inception import Inception, resized
from kantor.evaluation.extractors.weights import Published

BATCH = 3


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    """A batch costs the same whatever is in it."""
    monkeypatch.setattr(Inception, "batch", BATCH)


@pytest.fixture
def small_pictures(monkeypatch):
    """For what holds at any size: a ninth of the work."""
    monkeypatch.setattr(inception, "SIDE", 107)


@pytest.fixture(scope="module")
def ours(inception_file):
    return Inception(weights=str(inception_file), arithmetic="float32")


@pytest.fixture(scope="module")
def theirs(inception_file):
    layers = ["2048", "logits_unbiased", "logits"]
    return FeatureExtractorInceptionV3("inception", layers, feature_extractor_weights_path=inception_file)


def relative(found, expected):
    return float((found - expected).abs().max() / expected.abs().max())


SHAPES = [
    (1, 28, 28), (3, 64, 48), (3, 320, 300),
    *(pytest.param(shape, marks=pytest.mark.long) for shape in [(1, 32, 32), (1, 178, 218), (3, 299, 299)]),
]  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_features_and_logits_are_torch_fidelitys(ours, theirs, shape):
    images = random_pictures(2, shape)
    with torch.no_grad():
        features, unbiased, logits = (part.double() for part in theirs(images.expand(-1, 3, -1, -1)))
    found = ours(images)
    assert found.features.shape == (2, 2048) and found.logits.shape == (2, 1008)
    assert relative(found.features, features) < 1e-4
    assert relative(found.logits, unbiased) < 1e-4
    assert relative(found.logits + ours.network.bias, logits) < 1e-4
    assert relative(features[0], features[1]) > 0.05  # the pictures are seen


@pytest.mark.parametrize("height", [1, 2, 28, 64, 299, 300, 1000])
def test_pictures_are_resized_to_the_same_bits(height):
    images = random_pictures(2, (3, height, 37)).float()
    expected = interpolate_bilinear_2d_like_tensorflow1x(images, size=(299, 299), align_corners=False)
    assert torch.equal(resized(images, 299), expected)


def test_resizing_starts_at_the_top_left_corner():
    """Pixel i is at i/2 of the picture: no half-pixel centres; past the last pixel it stays."""
    assert resized(torch.tensor([[[[0.0, 4.0]]]]), 4).tolist() == [[[[0, 2, 4, 4]] * 4]]


def test_other_resizings_would_be_seen(small_pictures, ours):
    """What pytorch-fid does differs."""
    images = random_pictures(2, (3, 64, 64))
    half_pixel = torch.nn.functional.interpolate(images.float(), (107, 107), mode="bilinear", align_corners=False)
    assert relative(ours(half_pixel.round().byte()).features, ours(images).features) > 1e-2


def test_a_pictures_features_do_not_depend_on_the_others(small_pictures, ours):
    images = random_pictures(5, (3, 32, 32))
    whole = ours(images)
    assert whole.features.dtype == whole.logits.dtype == torch.float64
    for pieces in (images.split(1), images.split(2), images.split(4)):
        found = [ours(piece) for piece in pieces]
        assert torch.equal(torch.cat([part.features for part in found]), whole.features)
        assert torch.equal(torch.cat([part.logits for part in found]), whole.logits)
    assert torch.equal(ours(images.flip(0)).features.flip(0), whole.features)


def test_grey_pictures_are_repeated(small_pictures, ours):
    grey = random_pictures(2, (1, 28, 28))
    assert torch.equal(ours(grey).features, ours(grey.expand(-1, 3, -1, -1)).features)


def test_training_in_reduced_precision_does_not_reach_it(small_pictures, ours):
    images = random_pictures(2, (3, 32, 32))
    before = torch.get_float32_matmul_precision()
    expected = ours(images)
    try:
        torch.set_float32_matmul_precision("medium")
        found = ours(images)
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)
    assert torch.equal(found.features, expected.features) and torch.equal(found.logits, expected.logits)


def test_bfloat16_is_near_and_another_identity(small_pictures, ours, inception_file):
    coarse = Inception(weights=str(inception_file), arithmetic="bfloat16")
    images = random_pictures(3, (3, 32, 32))
    found, expected = coarse(images).features, ours(images).features
    assert 1e-4 < relative(found, expected) < 0.2
    assert coarse.identity() | {"arithmetic": "float32"} == ours.identity()


def test_the_identity_has_the_hash_of_the_file_that_is_named(ours, inception_file):
    assert ours.identity()["weights"] == hashlib.sha256(inception_file.read_bytes()).hexdigest()
    assert Inception(weights=None, arithmetic="float32").identity()["weights"] == inception.PUBLISHED.sha256


@pytest.fixture
def places(tmp_path, monkeypatch):
    """kantor's cache and torch.hub's, both empty."""
    monkeypatch.setenv("KANTOR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    return tmp_path / "cache" / "weights", tmp_path / "hub" / "checkpoints"


def published(content, address):
    digest = hashlib.sha256(content).hexdigest()
    return Published(title="Some weights", form="some network", url=f"{address}weights.pth", sha256=digest)


def test_published_weights_are_downloaded_once(tmp_path, places, monkeypatch):
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "weights.pth").write_bytes(b"numbers")
    with serving(tmp_path / "served") as address:
        file = published(b"numbers", address)
        path = file.path()
    assert path == places[0] / "weights.pth" and path.read_bytes() == b"numbers"
    assert file.path() == path  # nobody serves it any more


@pytest.mark.parametrize("place", [0, 1])
def test_a_link_to_a_disk_that_is_not_there_is_not_replaced(tmp_path, places, place):
    places[place].mkdir(parents=True)
    (places[place] / "weights.pth").symlink_to(tmp_path / "unmounted" / "weights.pth")
    with pytest.raises(UserError, match=r"weights\.pth is no file, or a link to none"):
        published(b"numbers", "http://127.0.0.1:9/").path()
    assert (places[place] / "weights.pth").is_symlink()


@pytest.mark.parametrize("place", [0, 1])
def test_weights_in_a_cache_are_taken_if_they_are_right(places, place):
    places[place].mkdir(parents=True)
    path = places[place] / "weights.pth"
    path.write_bytes(b"numbers")
    nowhere = "http://127.0.0.1:9/"
    assert published(b"numbers", nowhere).path() == path
    mine, right = (hashlib.sha256(content).hexdigest() for content in (b"numbers", b"others"))
    with pytest.raises(UserError, match=f"{path} is not the published file .SHA-256 {mine}, expected {right}.: delete"):
        published(b"others", nowhere).path()


def test_a_wrong_download_is_refused_naming_both(tmp_path, places):
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "weights.pth").write_bytes(b"numbers")
    mine, right = (hashlib.sha256(content).hexdigest() for content in (b"numbers", b"others"))
    with serving(tmp_path / "served") as address, pytest.raises(UserError, match=f"{mine}, expected {right}"):
        published(b"others", address).path()
    assert not list(places[0].glob("weights.pth*"))


def test_without_a_network_the_sentence_says_what_to_put_where(places, monkeypatch):
    monkeypatch.setattr(Inception, "published", published(b"", "http://127.0.0.1:9/"))
    with pytest.raises(
        UserError, match=rf"Some weights is not in {places[0]} .*get weights.pth from http.* put it there"
    ):
        Inception(weights=None, arithmetic="float32").prepare()


def test_the_published_file_is_the_one_that_torch_fidelity_loads():
    from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3

    assert inception.PUBLISHED.url == URL_INCEPTION_V3
    assert inception.PUBLISHED.name == f"weights-inception-2015-12-05-{inception.PUBLISHED.sha256[:8]}.pth"


class Harmful:
    """Would be executed by a trusting reader."""

    def __reduce__(self):
        return exec, ("raise SystemExit('executed')",)


@pytest.mark.parametrize("wrong", ["cut", "text", "pickle", "list", "other"])
def test_files_that_are_no_such_weights_are_refused(tmp_path, inception_file, wrong):
    path = tmp_path / "weights.pth"
    if wrong == "cut":
        shutil.copy(inception_file, path)
        with path.open("r+b") as handle:
            handle.truncate(10_000_000)
    elif wrong == "text":
        path.write_text("404: Not Found")
    elif wrong == "pickle":
        path.write_bytes(pickle.dumps(Harmful(), protocol=2))
    else:
        torch.save([1] if wrong == "list" else {"conv.weight": torch.zeros(1)}, path)
    with pytest.raises(UserError, match=rf"weights={path}: no weights of Inception-v3 .*: give weights-inception-2015"):
        Inception(weights=str(path), arithmetic="float32").prepare()


def test_a_path_to_nothing_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"weights=.*none.pth: no such file; expected weights-inception-2015.*or null"):
        Inception(weights=str(tmp_path / "none.pth"), arithmetic="float32").identity()


def test_weights_that_are_not_numbers_are_said(tmp_path, inception_file):
    state = torch.load(inception_file, weights_only=True)
    state["Mixed_7c.branch_pool.bn.running_mean"][0] = float("nan")
    torch.save(state, tmp_path / "nan.pth")
    extractor = Inception(weights=str(tmp_path / "nan.pth"), arithmetic="float32")
    with pytest.raises(
        UserError, match=r"features of 2 of 2 pictures are not finite \(the first is number 0\): its weig"
    ):
        extractor(random_pictures(2, (3, 32, 32)))


BAD = {
    "float": (torch.zeros(1, 3, 32, 32), "uint8 pictures, levels 0 … 255, not float32: convert"),
    "channels": (torch.zeros(1, 4, 32, 32).byte(), "with 1 or 3 channels, channels first, not with 4"),
    "last": (torch.zeros(1, 32, 32, 3).byte(), "channels first, not with 32"),
    "flat": (torch.zeros(3, 32, 32).byte(), r"shape \(n, channels, height, width\)"),
}


@pytest.mark.parametrize(("images", "message"), BAD.values(), ids=BAD.keys())
def test_other_pictures_are_refused(ours, images, message):
    with pytest.raises(UserError, match=f"inception takes pictures.*{message}|inception takes {message}"):
        ours(images)
