"""The error of a learned score: 0 for the true one, known for wrong ones, at the places that are meant."""

from dataclasses import replace

import numpy as np
import pytest
import tiny
import torch

from kantor import keyed
from kantor.data.checkerboard import Checkerboard
from kantor.data.moons import TwoMoons
from kantor.data.points import HasClasses, Line, unequal_gaussians
from kantor.data.rings import Rings
from kantor.evaluation import score_field
from kantor.evaluation.points import PointEvaluation
from kantor.evaluation.score_field import FIELD_SCORES, HIGH, LOW, MIDDLE, FieldSetting, Surroundings, level
from kantor.noising.exact import exact_denoiser, exact_told
from kantor.noising.levels import noised
from kantor.noising.path import Exploding
from kantor.processes import Processes

NAMES = [score.name for score in FIELD_SCORES]
LAWS = {
    "unequal": unequal_gaussians([0.5, 0.3, 0.2], 0.15, 1.414),
    "moons": TwoMoons(0.1, 0.8),
    "rings": Rings([0.6, 1.8], 0.08),
    "checkerboard": Checkerboard(4, 2.0),
}
each = pytest.mark.parametrize("law", LAWS.values(), ids=LAWS.keys())
EVALUATION = PointEvaluation(
    name="toy", n=40, draws=2, chunk=24, seed=0, weights="raw", checkpoint="last", every=5, threads=1,
    sampler=tiny.FEW_STEPS, scores=NAMES, classes=None, likelihood=None, nfe=None, extractor=None, bins=8,
)  # fmt: skip


def saying(model, denoiser):
    """A model whose network is some denoiser, told labels or not."""
    model.denoiser_of = lambda networks, labels=None: denoiser(labels)
    return model


def scored(law, denoiser, *, evaluation=EVALUATION, model=tiny.flow):
    found = evaluation.score(saying(model(), denoiser), tiny.points(distribution=law), Processes())
    return {name: score.estimate and score.estimate.value for name, score in found.items()}


@each
def test_the_true_score_has_no_error_anywhere(law):
    """To the rounding of float32, in which models are asked."""
    exact = exact_denoiser(law)
    found = scored(law, lambda labels: exact)
    assert list(found) == NAMES
    assert all(value is not None and value < 1e-6 for value in found.values())


def test_a_score_that_is_off_by_a_vector_has_its_square():
    """D off by (0.3, 0.4) is a score off by that over σ²: σ²·‖…‖²/2 = 0.125/σ², in every region."""
    law = LAWS["unequal"]
    exact, off = exact_denoiser(law), torch.tensor([0.3, 0.4])
    found = scored(law, lambda labels: lambda x, at: exact(x, at) + off)
    for name, sigma in zip(NAMES, (LOW, LOW, LOW, MIDDLE, HIGH), strict=True):
        assert found[name] == pytest.approx(0.125 / sigma**2, rel=1e-4), name


def test_the_error_is_the_denoising_loss_over_its_floor():
    """E‖ε - ε̂‖² - E‖ε - ε*‖² = σ²·E‖s - s*‖², at the data with their noise: what score matching and denoising share."""
    law, n, sigma = LAWS["unequal"], 200_000, MIDDLE
    exact = exact_denoiser(law)

    def narrow(x, at):
        return 0.7 * exact(x, at)

    x, noise = torch.from_numpy(law.sample(n, np.random.default_rng(0))), keyed.Rng(0).normal(n, 2).double()
    y = noised(x, noise, level(sigma))
    losses = [(noise - (y - denoiser(y, level(sigma))) / sigma).square().mean() for denoiser in (narrow, exact)]
    found = scored(law, lambda labels: narrow, evaluation=replace(EVALUATION, n=4000, scores=["score_error_middle"]))
    assert found["score_error_middle"] == pytest.approx(float(losses[0] - losses[1]), rel=0.05)


@each
def test_places_are_where_they_are_said_to_be(law):
    exact = exact_denoiser(law)
    around = Surroundings.of(law, exact, LOW)
    found = {
        name: getattr(score_field, name)(law, exact, LOW, 300, np.random.default_rng(0))
        for name in ("near", "between", "far")
    }
    places = {name: some for name, (some, _) in found.items()}
    if isinstance(law, HasClasses):  # where a point lies, its own class is
        assert np.array_equal(found["near"][1], law.labelled(300, np.random.default_rng(0))[1])
    away = {name: np.linalg.norm(some - around.centre, axis=1) for name, some in places.items()}
    likely = {name: exact.log_density(torch.from_numpy(some), level(LOW)).numpy() for name, some in places.items()}
    assert all(some.shape == (300, 2) for some in places.values())
    assert (likely["near"] > around.unlikely).mean() > 0.96 and (likely["between"] < around.unlikely).all()
    assert away["between"].max() < around.radius < away["far"].min() and away["far"].max() < 2 * around.radius
    assert (away["near"] <= 1.1 * around.radius).all()


def test_conditional_models_are_held_against_the_score_of_the_class():
    evaluation, law = replace(EVALUATION, classes=8, scores=["score_error_middle"]), None
    truth = tiny.points().distribution
    right = scored(law, lambda labels: exact_told(truth, labels), evaluation=evaluation, model=tiny.conditional_flow)
    blind = scored(law, lambda labels: exact_denoiser(truth), evaluation=evaluation, model=tiny.conditional_flow)
    assert right["score_error_middle"] < 1e-6 and blind["score_error_middle"] > 0.1


def test_who_has_no_score_has_no_error_of_it():
    """Not data without a density, not models without a denoiser, and no level that a path has not."""
    assert not any(score.applies(FieldSetting(Line(theta=0.0), told=False)) for score in FIELD_SCORES)
    assert EVALUATION.score(tiny.gan(), tiny.points(), Processes()) == {}
    assert set(NAMES) <= {one.name for one in EVALUATION.definitions(tiny.points())}
    short = tiny.flow(objective=replace(tiny.FLOW, path=Exploding(low=0.2, high=1.0)))
    found = EVALUATION.score(short, tiny.points(), Processes())
    assert [name for name, score in found.items() if score.estimate is None] == [*NAMES[:3], NAMES[4]]
    assert "no noise of 0.1" in found["score_error_near"].plain()["reason"]


def test_where_the_data_fill_their_circle_there_is_no_place_between():
    """Inside a ring there is; a ring no wider than the noise has none."""
    evaluation = replace(EVALUATION, scores=["score_error_between"])
    found = [
        evaluation.score(tiny.flow(), tiny.points(distribution=Rings([radius], 0.02)), Processes())
        for radius in (1.0, 0.02)
    ]
    assert found[0]["score_error_between"].estimate is not None
    plain = found[1]["score_error_between"].plain()
    assert plain["value"] is not None or "hardly a place" in plain["reason"]


@pytest.mark.parametrize("world", [2])
def test_processes_and_chunks_change_nothing(together, world):
    evaluation, data = replace(EVALUATION, draws=3), tiny.points()
    models = [tiny.flow() for _ in range(world)]
    alone = evaluation.score(tiny.flow(), data, Processes())
    for found in together(lambda p: evaluation.score(models[p.rank], data, p), world):
        assert found == alone
    whole = replace(evaluation, chunk=40).score(tiny.flow(), data, Processes())
    for name, score in whole.items():
        assert score.estimate.value == pytest.approx(alone[name].estimate.value, rel=1e-4)
    assert set(evaluation.score_while_training(tiny.flow(), data, Processes())) == set(NAMES)
