"""kantor's scores and those of others' own code, on the same pictures and the same file of random weights.

Features, statistics and scores agree to 1e-4 with torch-fidelity's and torchmetrics' at every size. pytorch-fid agrees
at 299×299 once it is given (levels - 128) / 128, which is what the weights know; by itself it makes levels / 127.5 - 1,
and resizes with half-pixel centres. `bench/agreement.py` prints how much each of the two changes.
"""

from functools import cache

import numpy as np
import peers
import pytest
import torch
from inception_file import random_pictures
from prdc import compute_prdc
from torchmetrics.image import FrechetInceptionDistance

from kantor.evaluation.extractors.inception import Inception
from kantor.metrics import neighbours
from kantor.metrics.frechet import frechet_distance_of_features
from kantor.metrics.kernel import kid
from kantor.metrics.logits import inception_score
from kantor.metrics.neighbours import Neighbours
from kantor.metrics.statistics import Statistics

N = 3  # real pictures, and as many generated ones
SHAPES = {"28, grey": (1, 28, 28), "32": (3, 32, 32), "64": (3, 64, 64), "299": (3, 299, 299)}
LIBRARIES = {
    "torch-fidelity": peers.torch_fidelity,
    "torchmetrics": peers.torchmetrics,
    "pytorch-fid": peers.pytorch_fid,
    "pytorch-fid, TensorFlow's range": lambda path: peers.pytorch_fid(path, tensorflows_range=True),
}
BRIEF = [("28, grey", "torch-fidelity"), ("28, grey", "torchmetrics"), ("299", "torch-fidelity")]
"""Resized and not, by each implementation; a pass through Inception is long, and the others are of the same kinds."""
FIDELITY = [
    pytest.param(size, library, marks=[] if (size, library) in BRIEF else pytest.mark.long)
    for size in SHAPES
    for library in ("torch-fidelity", "torchmetrics")
]
everywhere = pytest.mark.parametrize(("size", "library"), [*FIDELITY, ("299", "pytorch-fid, TensorFlow's range")])
each_size = pytest.mark.parametrize(
    "size", [pytest.param(size, marks=[] if size in dict(BRIEF) else pytest.mark.long) for size in SHAPES]
)


@pytest.fixture(scope="module")
def peer(inception_file):
    return cache(lambda library: LIBRARIES[library](inception_file))


@pytest.fixture(scope="module")
def theirs(peer):
    """Features and logits of the real and the generated pictures together, (2N, …)."""
    return cache(lambda size, library: peer(library).extract(pictures(size).expand(-1, 3, -1, -1)))


@pytest.fixture(scope="module")
def ours(inception_file):
    extractor = Inception(weights=str(inception_file), arithmetic="float32")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Inception, "batch", 2 * N)  # a batch costs the same whatever is in it
        yield cache(lambda size: extractor(pictures(size)))


def pictures(size):
    """uint8 (2N, C, H, W), the real ones before the generated ones."""
    return torch.cat([random_pictures(N, SHAPES[size], seed) for seed in (1, 2)])


def relative(found, expected):
    return float((found.double() - expected.double()).abs().max() / expected.double().abs().max())


@everywhere
def test_features_and_logits(ours, theirs, size, library):
    features, logits = theirs(size, library)
    found = ours(size)
    assert relative(found.features, features) < 1e-4
    assert logits is None or relative(found.logits, logits) < 1e-4


@everywhere
def test_means_and_covariances(ours, theirs, peer, size, library):
    for part in (slice(N), slice(N, None)):
        mean, covariance = peer(library).statistics(theirs(size, library)[0][part])
        found = Statistics.of(ours(size).features[part])
        assert relative(found.mean, mean) < 1e-4
        assert relative(found.covariance, covariance) < 1e-4


@everywhere
def test_fid(ours, theirs, peer, size, library):
    """The number is that of all 2048 features; theirs is computed in the few coordinates that these span."""
    features = theirs(size, library)[0]
    expected = peer(library).frechet_distance(*peers.turned(features[:N], features[N:]))
    found = frechet_distance_of_features(ours(size).features[:N], ours(size).features[N:])
    assert found == pytest.approx(expected, rel=1e-4)


def test_fid_of_torchmetrics_as_its_users_make_it(ours, inception_file):
    """It sees the pictures themselves; up to the sums, of which its score is made as above."""
    fid = FrechetInceptionDistance(feature_extractor_weights_path=str(inception_file), antialias=False)
    fid.update(pictures("28, grey").expand(-1, 3, -1, -1), real=True)
    features = ours("28, grey").features
    assert relative(features.sum(0), fid.real_features_sum) < 1e-4
    assert relative(features.T @ features, fid.real_features_cov_sum) < 1e-4


@pytest.mark.parametrize(("size", "library"), FIDELITY)
def test_inception_score(ours, theirs, peer, size, library):
    expected = peer(library).inception_score(theirs(size, library)[1])
    assert inception_score(ours(size).logits) == pytest.approx(expected, rel=1e-4)
    assert expected > 1.05  # the classes differ from picture to picture


@each_size
def test_kid_with_one_subset_of_all(ours, theirs, size):
    """Theirs, of its features in float64: in float32 its differences of sums around 10 lose the sixth decimal place."""
    features = theirs(size, "torch-fidelity")[0].double()
    found = kid(ours(size).features[:N], ours(size).features[N:])
    assert found == pytest.approx(peers.torch_fidelitys_kid(features[:N], features[N:]), abs=1e-6)
    assert abs(found) > 1e-4


def test_pytorch_fid_scales_levels_otherwise(ours, theirs):
    """At 299×299 nothing is resized, and still its features and FID are others."""
    features = theirs("299", "pytorch-fid")[0]
    assert 0.01 < relative(features, ours("299").features) < 0.1
    difference = frechet_distance_of_features(features[:N].double(), features[N:].double())
    assert 1e-4 < abs(difference / frechet_distance_of_features(*ours("299").features.split(N)) - 1) < 0.02


def test_pytorch_fid_resizes_otherwise(ours, theirs):
    features = theirs("28, grey", "pytorch-fid, TensorFlow's range")[0]
    assert relative(features, ours("28, grey").features) > 0.1


@pytest.mark.parametrize("k", [1, 2, 4])
@pytest.mark.parametrize(("n", "m"), [(60, 60), (80, 50)])
def test_precision_recall_density_and_coverage_are_prdcs(n, m, k):
    """Balls that overlap in part; none of the four is 0 or 1."""
    rng = np.random.default_rng(n + k)
    real, generated = rng.normal(size=(n, 6)), 0.9 * rng.normal(size=(m, 6)) + 0.6
    expected = compute_prdc(real, generated, nearest_k=k)
    around = Neighbours.of(torch.from_numpy(real), torch.from_numpy(generated), k=k)
    for name, value in expected.items():
        assert getattr(neighbours, name)(around, k=k) == pytest.approx(float(value), rel=1e-12), name
        assert value > 0.05 and (value < 0.99 or name == "density"), name


@pytest.mark.parametrize("size", ["28, grey", "299"])
def test_of_pictures_they_are_prdcs_too(ours, size):
    real, generated = ours(size).features.split(N)
    expected = compute_prdc(real.numpy(), generated.numpy(), nearest_k=1)
    around = Neighbours.of(real, generated, k=1)
    found = {name: getattr(neighbours, name)(around, k=1) for name in expected}
    assert found == pytest.approx({name: float(value) for name, value in expected.items()}, rel=1e-12)
