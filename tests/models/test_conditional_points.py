"""Points with classes: labels reach conditional models, and what is known of each class counts."""

import math
from dataclasses import replace

import numpy as np
import pytest
import tiny
import torch

from kantor import keyed
from kantor.data.moons import TwoMoons
from kantor.data.points import Line, log_density
from kantor.data.share import Share
from kantor.evaluation.denoiser_likelihood import Flow
from kantor.evaluation.error_budget import error_budget
from kantor.evaluation.points import PointEvaluation
from kantor.noising.exact import exact_denoiser, exact_told
from kantor.processes import Processes
from kantor.samples.batches import Alone

DATA = tiny.points()
TRUTH = DATA.distribution
EVALUATION = PointEvaluation(
    name="toy", n=60, draws=10, chunk=60, seed=0, weights="raw", checkpoint="last", every=5, threads=1,
    sampler=tiny.FEW_STEPS, scores=None, classes=8, likelihood=None, nfe=None, extractor=None, bins=8,
)  # fmt: skip


def nearest(points):
    return ((np.asarray(points)[:, None] - TRUTH.modes) ** 2).sum(-1).argmin(1)


def obedient(told=True):
    """A conditional model whose network is the exact denoiser that knows the class, or that does not."""
    model = tiny.conditional_flow(label_dropout=0.0)
    model.denoiser_of = lambda networks, labels=None: exact_told(TRUTH, labels) if told else exact_denoiser(TRUTH)
    return model


@pytest.mark.parametrize("world", [1, 3])
def test_blocks_hold_the_class_of_each_point(world):
    assert DATA.classes == 8 and DATA.label_shares().tolist() == [1 / 8] * 8
    whole = DATA.blocks(Alone(), Share()).block(5)
    parts = [DATA.blocks(Alone(), Share(rank, world)).block(5) for rank in range(world)]
    for rows, of_all in zip(zip(*parts, strict=True), whole, strict=True):
        assert torch.equal(torch.cat(rows, dim=1), of_all)
    assert whole.labels.dtype == torch.int64 and whole.labels.shape == (1, 6)
    assert nearest(whole.samples[0]).tolist() == whole.labels[0].tolist()


def test_points_of_one_kind_have_no_classes():
    for distribution in (Line(theta=0.0), TRUTH.of_class(3)):
        assert tiny.points(distribution=distribution).classes is None
    assert DATA.blocks(Alone(), Share()).block(0).labels is not None
    assert tiny.points(distribution=Line(theta=0.0)).blocks(Alone(), Share()).block(0).labels is None


@pytest.mark.parametrize("make", [tiny.cgan, tiny.conditional_flow])
def test_conditional_models_of_points_train_and_draw_what_is_asked_for(make):
    model, data = make(), tiny.points(batch_size=64)
    trainer = tiny.fit(model, data, 3)
    assert trainer.global_step == 3 and model.label_shares.tolist() == [1 / 8] * 8
    drawn = [
        model.sample(4, rng=keyed.Rng(0), sampler=tiny.sampler_of(model), weights="raw", condition=torch.full((4,), y))
        for y in (0, 5)
    ]
    assert not torch.equal(*drawn) and drawn[0].shape == (4, 2)


def test_regret_of_a_conditional_model_is_against_who_knows_the_class():
    """It is 0 for that one; who does not know it loses what the class tells."""
    block = tiny.points(batch_size=256).blocks(Alone(), Share()).block(0)

    def regrets(model):
        model.truth = TRUTH
        measured = model.measurements(block, keyed.Rng(0))
        return [float(measured[f"train/regret_q{q}"]) for q in (1, 2, 3, 4)]

    assert regrets(obedient()) == pytest.approx([0] * 4, abs=1e-9)
    assert min(regrets(obedient(told=False))) > 0.05


def test_an_error_budget_gives_both_the_same_classes():
    budget = error_budget(replace(EVALUATION, nfe=[2]), obedient(), DATA, Processes())
    (row,) = budget["rows"]
    assert row["learning"]["w1"]["value"] == pytest.approx(0, abs=1e-6)
    assert row["whole"] == row["discretisation"]


def test_nll_is_of_points_given_their_class():
    """That of a single Gaussian, log(2πes²), without the log 8 of which mode it is; the protocol says so."""
    evaluation = replace(
        EVALUATION, n=40, draws=2, scores=["nll"], likelihood=Flow(steps=12, probes=1, noise=1e-3, pictures=2)
    )
    found = evaluation.score(obedient(), DATA, Processes())["nll"]
    entropy = math.log(2 * math.pi * math.e * TRUTH.sigma**2)
    spread = 1 / math.sqrt(80)  # -log p has a variance of 1 in the plane
    assert found.floor.estimate.value == pytest.approx(entropy, abs=4 * spread)
    assert found.estimate.value == pytest.approx(found.floor.estimate.value, abs=0.02)
    assert evaluation.protocol(DATA).estimators["nll"]["given"] == "the class"
    assert "given" not in replace(evaluation, classes=None).protocol(DATA).estimators["nll"]


def test_the_density_of_each_class_is_known_or_none_is():
    moons = TwoMoons(noise=0.1, scale=0.8)
    x, labels = moons.labelled(9, np.random.default_rng(0))
    alone = [moons.of_class(label).log_density(point[None])[0] for point, label in zip(x, labels, strict=True)]
    assert log_density(moons, x, labels) == pytest.approx(alone)
    assert log_density(moons, x) == pytest.approx(moons.log_density(x))
    assert log_density(Line(theta=0.0), x) is None
