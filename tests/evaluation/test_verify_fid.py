"""`make verify-fid` without a network: it says what is missing and fails, and its numbers are torch-fidelity's."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import peers
import pytest
import torch
import torchvision
from inception_file import random_pictures
from torch_fidelity.metric_isc import KEY_METRIC_ISC_MEAN, isc_features_to_metric

from kantor.data.images import ImageSet
from kantor.evaluation.extractors import inception

N = 4  # pictures of each side
NOWHERE = "http://127.0.0.1:9/"


@pytest.fixture
def script(tmp_path, monkeypatch):
    """The script as a module; nothing is in a cache, and nothing can be downloaded."""
    path = Path(__file__).parents[2] / "bench" / "verify_fid.py"
    spec = importlib.util.spec_from_file_location("verify_fid", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setenv("KANTOR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    published = replace(inception.PUBLISHED, url=NOWHERE + inception.PUBLISHED.name)
    monkeypatch.setattr(inception.Inception, "published", published)
    monkeypatch.setattr(torchvision.datasets.CIFAR10, "url", f"{NOWHERE}cifar-10-python.tar.gz")
    return module


def test_without_weights_it_fails_and_says_where_they_go(script, tmp_path, capsys):
    assert script.main(["--threads", "1"]) == 1
    (sentence,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("not verified")]
    assert f"Inception-v3 (96 MB of weights) is not in {tmp_path / 'cache' / 'weights'}" in sentence
    assert "on a machine with a network and put it there" in sentence


def test_without_pictures_it_fails_and_says_where_they_go(script, inception_file, tmp_path, capsys):
    assert script.main(["--threads", "1", "--weights", str(inception_file), "--root", str(tmp_path)]) == 1
    (sentence,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("not verified")]
    assert f"CIFAR-10 is not in {tmp_path}" in sentence and f"put it into {tmp_path}" in sentence


@pytest.mark.parametrize(
    ("fid", "score", "code"),
    [(10.3230, 10.7510, 0), (10.3340, 10.7510, 1), (10.3230, 10.7400, 1), (float("nan"), 10.7510, 1)],
)
def test_only_the_right_numbers_pass(script, monkeypatch, fid, score, code):
    monkeypatch.setattr(script, "scores", lambda root, weights: {"FID": fid, "Inception score": score})
    assert script.main(["--threads", "1"]) == code


class Pictures:
    """In place of CIFAR-10: more than are asked for, in an order of their own."""

    def __init__(self, **_):
        pass

    def load(self, split):
        pixels = random_pictures(N + 3, (3, 32, 32), {"train": 1, "test": 2}[split]).numpy()
        return ImageSet(pixels, rows=np.arange(N + 3)[::-1].copy())


def test_the_numbers_are_what_torch_fidelity_makes_of_the_first_pictures(script, monkeypatch, inception_file):
    monkeypatch.setattr(script, "CIFAR10", Pictures)
    monkeypatch.setattr(script, "N", N)
    monkeypatch.setattr(script, "CHUNK", 3)
    monkeypatch.setattr(script, "SPLITS", 2)
    monkeypatch.setattr(inception.Inception, "batch", 2)
    found = script.scores("nowhere", str(inception_file))
    peer = peers.torch_fidelity(inception_file)
    (train, logits), (test, _) = (
        peer.extract(Pictures().load(split).take(np.arange(N))) for split in ("train", "test")
    )
    assert found["FID"] == pytest.approx(peer.frechet_distance(*peers.turned(train, test)), rel=1e-4)
    expected = isc_features_to_metric(logits, splits=2)[KEY_METRIC_ISC_MEAN]  # shuffled, as by default
    assert found["Inception score"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("n", [20, 103])
def test_the_inception_score_of_splits_is_torch_fidelitys(script, n):
    logits = 3 * torch.randn(n, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = isc_features_to_metric(logits, splits=script.SPLITS, shuffle=False)[KEY_METRIC_ISC_MEAN]
    assert script.inception_score_of_splits(logits) == pytest.approx(expected, rel=1e-12)
