"""`kantor evaluate images=…` in Inception's features also says what torch-fidelity says of the same files."""

import json
import re
from dataclasses import replace

import albums
import numpy as np
import pytest
import torch
from inception_file import random_pictures

from kantor.evaluation import second_opinion
from kantor.evaluation.extractors.inception import Inception
from kantor.metrics.frechet import frechet_distance_of_features
from kantor.metrics.kernel import kid
from kantor.samples.files import write_samples

N = 4
NAMES = ("kid", "frechet_distance", "inception_score")


@pytest.fixture
def words(tmp_path, monkeypatch):
    """Four of somebody's pictures against four real ones."""
    monkeypatch.setattr(Inception, "batch", N)
    write_samples(random_pictures(N, (3, 64, 64)).permute(0, 2, 3, 1).numpy(), tmp_path / "theirs")
    return [
        "evaluate", f"images={tmp_path / 'theirs'}", "data=purdue_shapes5", f"out={tmp_path / 'out'}", "data.size=40",
        f"evaluation.n={N}", f"evaluation.n_real={N}", "evaluation.draws=1", "evaluation.neighbours=2",
        "evaluation.memory=null", "evaluation.threads=1",
    ]  # fmt: skip


def test_both_say_the_same_of_the_same_files(kantor, words, tmp_path, inception_file):
    done = kantor(*words, "evaluation=standard", f"extractor.weights={inception_file}")
    card = json.loads((tmp_path / "out" / "card.json").read_text())
    ours, opinion = card["evaluations"][0]["scores"], card["torch_fidelity"]
    assert tuple(opinion["scores"]) == NAMES
    _, table = done.stdout.split(f"torch-fidelity {opinion['version']} on the same pictures and weights")
    for name in NAMES:
        value, theirs = ours[name]["value"], opinion["scores"][name]
        assert value == pytest.approx(theirs, rel=1e-4)
        (row,) = re.findall(rf"^ *{name} +(\S+) +(\S+) +(\S+) *$", table, re.MULTILINE)
        assert row == (f"{value:.7g}", f"{theirs:.7g}", f"{theirs - value:.1g}")
    assert "kid: one subset of all pictures" in table


def test_other_features_have_no_second_opinion(kantor, words, tmp_path):
    done = kantor(*words, "evaluation=quick")
    assert "torch_fidelity" not in json.loads((tmp_path / "out" / "card.json").read_text())
    assert "torch-fidelity" not in done.stdout


@pytest.fixture
def opinion(inception_file, monkeypatch):
    """Of draws of grey pictures against 30 real ones, in place of features their levels."""

    def seen(net, images, bar):
        features = images.take(np.arange(len(images))).flatten(1).float() / 255
        return features, 5 * features

    monkeypatch.setattr(second_opinion, "_seen", seen)
    extractor = Inception(weights=str(inception_file), arithmetic="float32")
    evaluation, data = replace(albums.SMALL, extractor=extractor), albums.Album(train=80)
    return lambda draws: second_opinion.of_draws(draws, evaluation, data), evaluation.real(data).reference


def test_it_is_the_mean_over_draws_of_the_size_that_is_scored(opinion):
    says, _ = opinion
    one, other = (albums.pictures(30, seed) for seed in (3, 4))
    more = np.concatenate([other, albums.pictures(5, 5)])
    apart = [says([draw])["scores"] for draw in (one, other)]
    assert apart[0]["kid"] != apart[1]["kid"]
    assert says([one, more])["scores"] == pytest.approx(
        {name: (apart[0][name] + apart[1][name]) / 2 for name in NAMES}, rel=1e-12
    )


def test_it_sees_the_reference_that_the_protocol_takes(opinion):
    says, reference = opinion
    real = torch.from_numpy(albums.pictures(80, 1)[reference]).flatten(1).double() / 255
    drawn = albums.pictures(30, 3)
    features = torch.from_numpy(drawn).flatten(1).double() / 255
    found = says([drawn])
    assert found["scores"]["kid"] == pytest.approx(kid(real, features), abs=1e-6)
    assert found["scores"]["frechet_distance"] == pytest.approx(frechet_distance_of_features(real, features), rel=1e-4)
    assert found["note"] == "kid: one subset of all pictures, in float32"


def test_kid_of_many_pictures_is_that_of_one_subset(opinion, monkeypatch):
    says, _ = opinion
    drawn = albums.pictures(30, 3)
    whole = says([drawn])
    monkeypatch.setattr(second_opinion, "SUBSET", 20)
    part = says([drawn])
    assert part["note"] == "kid: one subset of 20 pictures"
    assert part["scores"]["kid"] != whole["scores"]["kid"]
    assert part["scores"]["frechet_distance"] == whole["scores"]["frechet_distance"]
