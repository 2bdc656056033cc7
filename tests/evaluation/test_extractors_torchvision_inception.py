"""TorchvisionInception: what torchvision's own network and transform say of the same pictures, with random weights."""

import hashlib
from dataclasses import replace

import pytest
import torch
from inception_file import random_pictures, randomise
from mirrors import serving
from torchvision.models import Inception_V3_Weights, inception_v3

from kantor.config.compose import load_options
from kantor.config.schema import Configuration
from kantor.engine.assembly import build_evaluation
from kantor.errors import UserError
from kantor.evaluation.extractors import torchvision_inception
from kantor.evaluation.extractors.torchvision_inception import TorchvisionInception
from kantor.samplers.direct import Direct

BATCH = 3


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    """A batch costs the same whatever is in it."""
    monkeypatch.setattr(TorchvisionInception, "batch", BATCH)


@pytest.fixture
def small_pictures(monkeypatch):
    """For what holds at any size: a ninth of the work."""
    monkeypatch.setattr(torchvision_inception, "SIDE", 107)


def transformed(images):
    """What torchvision's transform makes of square uint8 images, without what it cuts off."""
    return Inception_V3_Weights.IMAGENET1K_V1.transforms(resize_size=299)(images.expand(-1, 3, -1, -1) / 255)


@pytest.fixture(scope="module")
def theirs():
    """torchvision's network as it makes it for its published weights, with others."""
    with torch.random.fork_rng():
        net = inception_v3(weights=None, init_weights=False, transform_input=True)
    randomise(net, transformed(random_pictures(8, (3, 64, 64))))
    return net.eval()


@pytest.fixture(scope="module")
def file(theirs, tmp_path_factory):
    """The weights in a file whose name ends in the first 8 digits of its SHA-256."""
    place = tmp_path_factory.mktemp("served")
    torch.save(theirs.state_dict(), place / "weights.pth")
    digest = hashlib.sha256((place / "weights.pth").read_bytes()).hexdigest()
    return (place / "weights.pth").rename(place / f"random_inception-{digest[:8]}.pth")


@pytest.fixture(scope="module")
def ours(file):
    return TorchvisionInception(weights=str(file))


@pytest.fixture
def publish(file, tmp_path, monkeypatch):
    """Publishes the file at an address, to caches that are empty."""
    monkeypatch.setenv("KANTOR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))

    def publish(address, digits=file.stem[-8:]):
        changed = replace(torchvision_inception.PUBLISHED, url=f"{address}{file.name}", sha256=digits)
        monkeypatch.setattr(TorchvisionInception, "published", changed)
        return tmp_path / "cache" / "weights" / file.name

    return publish


def relative(found, expected):
    return float((found - expected).abs().max() / expected.abs().max())


def pooled(net, images):
    """The averages of the last maps of their network, by a hook: (n, 2048)."""
    found = []
    handle = net.avgpool.register_forward_hook(lambda layer, given, made: found.append(made.flatten(1).double()))
    with torch.no_grad():
        net(images)
    handle.remove()
    return found[0]


SHAPES = [(1, 28, 28), (3, 360, 360), *(pytest.param((3, n, n), marks=pytest.mark.long) for n in (64, 299))]


@pytest.mark.parametrize("shape", SHAPES)
def test_features_are_those_of_torchvisions_network_and_transform(ours, theirs, shape):
    images = random_pictures(2, shape)
    expected = pooled(theirs, transformed(images))
    found = ours(images)
    assert found.features.shape == (2, 2048) and found.features.dtype == torch.float64 and found.logits is None
    assert relative(found.features, expected) < 1e-4
    assert relative(expected[0], expected[1]) > 0.05  # the pictures are seen


def test_training_mode_would_be_seen(ours, theirs):
    """There features depend on the other pictures of a batch, as in the tables that this extractor is named for."""
    images = random_pictures(3, (3, 64, 64))
    try:
        expected = pooled(theirs.train(), transformed(images))
    finally:
        theirs.eval()
    assert relative(ours(images).features, expected) > 1e-2


def test_pictures_that_are_no_squares_are_seen_whole(small_pictures, ours):
    wide = random_pictures(1, (3, 48, 96))
    border = wide.clone()
    border[..., :6] = 255  # their transform would cut it off
    assert relative(ours(wide).features, ours(border).features) > 1e-2


def test_a_pictures_features_do_not_depend_on_the_others(small_pictures, ours):
    images = random_pictures(5, (3, 32, 32))
    whole = ours(images).features
    assert torch.equal(torch.cat([ours(piece).features for piece in images.split(4)]), whole)
    assert torch.equal(ours(images.flip(0)).features.flip(0), whole)


def test_making_it_draws_no_random_number(file):
    before = torch.get_rng_state()
    TorchvisionInception(weights=str(file)).prepare()
    assert torch.equal(torch.get_rng_state(), before)


def test_published_weights_are_downloaded_once_and_known_by_their_whole_digest(small_pictures, ours, file, publish):
    images = random_pictures(2, (3, 32, 32))
    with serving(file.parent) as address:
        path = publish(address)
        TorchvisionInception(weights=None).prepare()
    assert path.read_bytes() == file.read_bytes()
    made = TorchvisionInception(weights=None)  # nobody serves it any more
    assert torch.equal(made(images).features, ours(images).features)
    assert made.identity() == ours.identity()
    assert made.identity()["weights"] == hashlib.sha256(file.read_bytes()).hexdigest()


def test_a_file_of_other_digits_is_refused_wherever_it_comes_from(file, publish):
    with serving(file.parent) as address:
        path = publish(address, "00000000")
        with pytest.raises(UserError, match=r"SHA-256 \w{64}, expected 00000000"):
            TorchvisionInception(weights=None).prepare()
    assert not path.exists()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"404: Not Found")
    with pytest.raises(UserError, match=f"{path} is not the published file .*delete it"):
        TorchvisionInception(weights=None).prepare()


def test_the_published_file_is_torchvisions():
    published = torchvision_inception.PUBLISHED
    assert published.url == Inception_V3_Weights.IMAGENET1K_V1.url
    assert published.name == f"inception_v3_google-{published.sha256}.pth" and len(published.sha256) == 8


def test_their_mean_and_deviation_are_taken():
    transform = Inception_V3_Weights.IMAGENET1K_V1.transforms()
    assert (list(torchvision_inception.MEAN), list(torchvision_inception.STD)) == (transform.mean, transform.std)


@pytest.mark.parametrize("wrong", ["text", "list", "other"])
def test_files_that_are_no_such_weights_are_refused(tmp_path, wrong):
    path = tmp_path / "weights.pth"
    if wrong == "text":
        path.write_text("404: Not Found")
    else:
        torch.save([1] if wrong == "list" else {"conv.weight": torch.zeros(1)}, path)
    with pytest.raises(
        UserError, match=rf"weights={path}: no weights of .*torchvision's form.*: give inception_v3_goo"
    ):
        TorchvisionInception(weights=str(path)).prepare()


def test_a_path_to_nothing_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"weights=.*none.pth: no such file; expected inception_v3_google.*or null"):
        TorchvisionInception(weights=str(tmp_path / "none.pth")).identity()


BAD = {
    "float": (torch.zeros(1, 3, 32, 32), "uint8 pictures, levels 0 … 255, not float32: convert"),
    "channels": (torch.zeros(1, 4, 32, 32).byte(), "with 1 or 3 channels, channels first, not with 4"),
}


@pytest.mark.parametrize(("images", "message"), BAD.values(), ids=BAD.keys())
def test_other_pictures_are_refused(ours, images, message):
    with pytest.raises(UserError, match=f"torchvision_inception takes .*{message}"):
        ours(images)


def test_the_preset_is_5000_against_5000_by_it():
    evaluation = build_evaluation(
        Configuration(load_options({"evaluation": "jhu_legacy", "likelihood": "none"})), Direct(), None
    )
    assert (evaluation.n, evaluation.n_real) == (5000, 5000)
    assert evaluation.extractor == TorchvisionInception(weights=None)
