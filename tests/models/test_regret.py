"""Loss and regret by quartile of noise, against floors that are known."""

import math
from dataclasses import replace

import numpy as np
import pytest
import tiny
import torch

from kantor.data.points import Line
from kantor.data.share import Share
from kantor.keyed import Rng
from kantor.models.regret import by_quartile
from kantor.noising.betas import LinearBetas
from kantor.noising.coupling import OptimalTransport
from kantor.noising.exact import exact_denoiser
from kantor.noising.path import Chain
from kantor.noising.times import LogNormal, Stratified

LECTURE = replace(tiny.DDPM, path=Chain(LinearBetas(1000, 1e-4, 0.02)))
DATA = tiny.points()
EXACT = exact_denoiser(DATA.distribution)
X = torch.from_numpy(DATA.distribution.sample(8192, np.random.default_rng(0))).float()


def test_the_exact_denoiser_loses_the_floors_and_has_no_regret():
    """Of the 8 Gaussians on the lecture's chain, in ε, per dimension."""
    found = by_quartile(LECTURE, EXACT, EXACT, X, Rng(0))
    losses = [float(found[f"train/loss_q{q}"]) for q in (1, 2, 3, 4)]
    assert losses == pytest.approx([0.471, 0.253, 0.0261, 0.00081], rel=0.06)
    assert all(float(found[f"train/regret_q{q}"]) < 1e-6 for q in (1, 2, 3, 4))


@pytest.mark.parametrize("objective", [LECTURE, tiny.FLOW, replace(tiny.FLOW, times=LogNormal(-1.0, 1.0))])
def test_loss_is_floor_and_regret(objective):
    """A denoiser with an error of its own: by quartile, for each path and distribution of times."""

    def worse(x, level):
        return EXACT(x, level) + 0.05 * torch.tensor([1.0, -2.0])

    bad, good = (by_quartile(objective, denoiser, EXACT, X, Rng(0)) for denoiser in (worse, EXACT))
    for q in (1, 2, 3, 4):
        loss, floor, regret = bad[f"train/loss_q{q}"], good[f"train/loss_q{q}"], bad[f"train/regret_q{q}"]
        scatter = 8 * math.sqrt(float(floor * regret) / (len(X) // 4))  # of the product of the two errors
        assert float(loss - floor) == pytest.approx(float(regret), abs=scatter + 1e-6)
    if objective is LECTURE:
        ratio = objective.path.at(torch.arange(1, 1001, dtype=torch.float64) / 1000).ratio ** -2
        expected = 0.05**2 * (1 + 4) / 2 * ratio.reshape(4, 250).mean(1)
        assert [float(bad[f"train/regret_q{q}"]) for q in (2, 3, 4)] == pytest.approx(expected[1:].tolist(), rel=0.02)


def test_no_regret_where_another_denoiser_is_the_best():
    """Not of unknown data, nor of noise that was chosen to fit its sample."""
    assert "train/regret_q1" not in by_quartile(LECTURE, EXACT, None, X[:64], Rng(0))
    coupled = replace(tiny.FLOW, coupling=OptimalTransport())
    assert set(by_quartile(coupled, EXACT, EXACT, X[:64], Rng(0))) == {f"train/loss_q{q}" for q in (1, 2, 3, 4)}


def test_stratified_times_are_spread_as_their_distribution():
    plain, stratified = (
        by_quartile(replace(LECTURE, times=times), EXACT, EXACT, X[:64], Rng(0))
        for times in (LECTURE.times, Stratified(LECTURE.times))
    )
    assert plain == stratified


@pytest.mark.parametrize("distribution", [None, Line(theta=0.0)])
def test_a_model_learns_the_law_of_its_data_when_it_begins(distribution):
    """And logs what its charts draw."""
    model, data = tiny.flow(), tiny.points(distribution=distribution)
    tiny.fit(model, data, 1)
    assert (model.exact(None) is None) is (distribution is not None)
    block = data.blocks(model, Share()).block(0)
    measured = model.measurements(block, Rng(0))
    names = {f"train/{kind}_q{q}" for kind in ("loss", *(() if distribution else ("regret",))) for q in (1, 2, 3, 4)}
    assert names <= set(measured) <= {name for chart in model.charts() for name in chart.lines} | set(measured)
    drawn = {name for chart in model.charts() for name in chart.lines}
    assert names <= drawn and all(measured[name] >= 0 for name in names)


def test_pictures_have_losses_by_quartile():
    model, data = tiny.image_ddpm(), tiny.TinyImages(labelled=True)
    tiny.fit(model, data, 1)
    assert {"train/loss_q1", "train/loss_q4"} <= {name for chart in model.charts() for name in chart.lines}
    assert model.exact(None) is None
