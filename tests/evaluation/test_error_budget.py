"""Error budgets: learning and discretisation told apart, on models that are exact and on tiny ones."""

from dataclasses import replace

import pytest
import tiny
import torch
from albums import EVALUATION as OF_PICTURES
from walks import KINDS

from kantor.config.compose import load_options
from kantor.config.schema import Configuration
from kantor.data.points import Line
from kantor.errors import UserError
from kantor.evaluation.error_budget import check_error_budget, error_budget
from kantor.evaluation.points import PointEvaluation
from kantor.noising.exact import ExactMixture, exact_denoiser
from kantor.processes import Processes

OF_POINTS = PointEvaluation(
    name="toy", n=60, draws=10, chunk=60, seed=0, weights="raw", checkpoint="last", every=5, threads=1,
    sampler=tiny.FEW_STEPS, scores=None, classes=None, likelihood=None, nfe=[2, 40], extractor=None, bins=8,
)  # fmt: skip
BY = {name: Configuration(load_options({"sampler": name})).build("sampler") for name in ("heun", "annealed_langevin")}


def knowing(model, denoiser):
    """A model whose network is an exact denoiser."""
    model.denoiser_of = lambda networks, labels=None: denoiser
    return model


def test_who_has_learned_everything_pays_for_the_sampler_alone():
    """`learning` is 0 to rounding; `discretisation` is the whole, and goes down to what real data score."""
    data = tiny.points()
    made = error_budget(OF_POINTS, knowing(tiny.flow(), exact_denoiser(data.distribution)), data, Processes())
    few, many = made["rows"]
    assert [row["nfe"] for row in made["rows"]] == [2, 40]
    for row in (few, many):
        assert row["learning"]["w1"]["value"] == pytest.approx(0, abs=1e-6)
        assert row["whole"] == row["discretisation"]
        assert row["seconds"] > 0
        assert row["whole"]["w1"]["low"] < row["whole"]["w1"]["value"] < row["whole"]["w1"]["high"]
    floor = made["floor"]["w1"]
    assert few["discretisation"]["w1"]["low"] > floor["high"]
    assert many["discretisation"]["w1"]["low"] < floor["high"]
    assert set(few["whole"]) == {"w1", "w2"}


def test_what_is_not_learned_stays_however_many_steps_there_are():
    """Modes of twice the width: the same discretisation as of the exact model, from the same noise."""
    data = tiny.points()
    wide = ExactMixture(torch.from_numpy(data.distribution.modes), 2 * data.distribution.sigma)
    made = error_budget(OF_POINTS, knowing(tiny.flow(), wide), data, Processes())
    right = error_budget(OF_POINTS, knowing(tiny.flow(), exact_denoiser(data.distribution)), data, Processes())
    for row, other in zip(made["rows"], right["rows"], strict=True):
        assert row["discretisation"] == other["discretisation"]
    # both draw the same direction from a mode, one of them twice as far: E‖x‖ = σ√(π/2) apart
    many = made["rows"][1]["learning"]["w1"]["value"]
    assert many == pytest.approx(data.distribution.sigma * 1.2533, rel=0.15)


def test_data_without_a_density_have_the_curve_alone():
    made = error_budget(
        replace(OF_POINTS, nfe=[3]), tiny.flow(), tiny.points(distribution=Line(theta=0.0)), Processes()
    )
    (row,) = made["rows"]
    assert "whole" in row and "learning" not in row and "discretisation" not in row


def test_pictures_have_it_in_features():
    data = tiny.TinyImages(labelled=True)
    evaluation = replace(OF_PICTURES, sampler=tiny.FEW_STEPS, nfe=[1, 2], weights="raw", classes=4)
    made = error_budget(evaluation, tiny.image_ddpm(), data, Processes())
    assert [row["nfe"] for row in made["rows"]] == [1, 2]
    assert set(made["rows"][0]["whole"]) == {"kid", "frechet_distance"} == set(made["floor"])


def test_as_many_evaluations_as_there_may_be():
    """Heun takes two a step but in the last; asked twice for what comes to the same it is made once."""
    check_error_budget(replace(OF_POINTS, sampler=BY["heun"], nfe=[5, 6]), tiny.flow(), tiny.points())
    made = error_budget(replace(OF_POINTS, sampler=BY["heun"], nfe=[4, 3]), tiny.flow(), tiny.points(), Processes())
    assert [row["nfe"] for row in made["rows"]] == [3]


@pytest.mark.parametrize(
    ("model", "sampler", "nfe", "said"),
    [
        (tiny.gan, tiny.DIRECT, [5], "Direct draws a sample in as many evaluations as it does"),
        (tiny.image_ddpm, tiny.FEW_STEPS, [5, 30], "so sampler.steps=30: the model's chain has 20 steps"),
        (tiny.flow, BY["annealed_langevin"], [1], "annealed_langevin takes at least"),
        (tiny.flow, tiny.FEW_STEPS, [], "expected a list of whole numbers"),
        (tiny.flow, tiny.FEW_STEPS, "all", "expected a list of whole numbers"),
        (tiny.flow, tiny.FEW_STEPS, 5, "expected a list of whole numbers"),
        (tiny.flow, tiny.FEW_STEPS, [2.5], "expected a list of whole numbers"),
        (tiny.flow, tiny.FEW_STEPS, [0, 5], "expected a list of whole numbers above 0"),
    ],
    ids=["gan", "too many", "too few", "none", "text", "number", "half", "zero"],
)
def test_numbers_that_cannot_be_had(model, sampler, nfe, said):
    with pytest.raises(UserError, match=rf"^evaluation\.nfe=[^=]*{said}"):
        check_error_budget(replace(OF_POINTS, sampler=sampler, nfe=nfe), model(), tiny.points())


@pytest.mark.parametrize(
    ("sampler", "said"),
    [
        (replace(tiny.FEW_STEPS, guidance=2.0), r"the exact denoiser is not guided.*take sampler\.guidance=1"),
        (replace(tiny.FEW_STEPS, guidance=0.5, guide="outputs/a"), r"the exact denoiser is not guided"),
        (
            replace(KINDS["ancestral, β"].of(3, grid="trailing"), variance="learned"),
            "the exact denoiser has no learned variance .* take sampler.variance=beta_tilde",
        ),
    ],
    ids=["guided", "guided by a run", "learned"],
)
def test_what_the_exact_denoiser_cannot_do_is_not_counted_as_learning(sampler, said):
    """Where there is no exact one to be held against, as of pictures, there is the curve alone."""
    model = tiny.hybrid(classes=4, label_dropout=0.1, denoiser=lambda: tiny.time_mlp(2, 4, outputs=4))
    guided = replace(OF_POINTS, sampler=sampler, nfe=[3])
    with pytest.raises(UserError, match=rf"^evaluation\.nfe=\[3\]: {said}"):
        check_error_budget(guided, model, tiny.points())
    check_error_budget(replace(OF_PICTURES, sampler=sampler, nfe=[3]), model, tiny.TinyImages(labelled=True))
    check_error_budget(guided, model, tiny.points(distribution=Line(theta=0.0)))
