"""The toy evaluation: what real data score, what shifted data score, and that processes change nothing."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from albums import Album
from tiny import gan
from torch import nn

from kantor import keyed
from kantor.data.checkerboard import Checkerboard
from kantor.data.module import PointData
from kantor.data.moons import TwoMoons
from kantor.data.points import GaussianMixture, Line, SwissRoll, gaussians8, gaussians25, unequal_gaussians
from kantor.data.rings import Rings
from kantor.errors import NonFiniteError, UserError
from kantor.evaluation.point_scores import POINT_SCORES, PointSetting
from kantor.evaluation.points import PointEvaluation, PointReference, potential_of
from kantor.evaluation.score_definition import applying, numbers
from kantor.evaluation.score_field import FIELD_SCORES
from kantor.metrics.transport import wasserstein
from kantor.models.adversarial import Adversarial, AdversarialOptimisation
from kantor.models.critic_steps import Constant
from kantor.models.ema import Exponential
from kantor.models.latent import Normal
from kantor.nets.mlp import MLP
from kantor.objectives.adversarial import NonSaturating, Wasserstein
from kantor.processes import Processes
from kantor.report.cards import Evaluation, read_score
from kantor.report.readings import readings
from kantor.samplers.direct import Direct

EVALUATION = PointEvaluation(
    name="toy", n=64, draws=10, chunk=48, seed=0, weights="ema", checkpoint="last", bins=8, every=5, threads=1,
    sampler=Direct(), scores=None, classes=None, likelihood=None, nfe=None, extractor=None,
)  # fmt: skip
DISTRIBUTIONS = {
    "gaussians8": gaussians8(0.1, 1.414),
    "gaussians25": gaussians25(0.05, 2.828),
    "swiss_roll": SwissRoll(0.25, 7.5),
    "line": Line(0.0),
    "unequal": unequal_gaussians([0.6, 0.3, 0.1], 0.15, 1.414),
    "moons": TwoMoons(0.1, 0.8),
    "rings": Rings([0.6, 1.8], 0.08),
    "checkerboard": Checkerboard(4, 2.0),
}
each = pytest.mark.parametrize("distribution", DISTRIBUTIONS.values(), ids=DISTRIBUTIONS.keys())


def draws_of(distribution, count=10, n=64, *, shift=0.0, stratified=True, seed=100):
    return [
        distribution.sample(n, np.random.default_rng(seed + r), stratified=stratified) + np.array([shift, 0.0])
        for r in range(count)
    ]


def data_of(distribution):
    return PointData(name="it", distribution=distribution, batch_size=8, seed=0)


def score(distribution, draws, evaluation=EVALUATION, potential=None):
    return evaluation.score_draws(draws, data_of(distribution), Processes(), potential)


def read(scores, n=64):
    """What pages say."""
    values = {name: read_score(name, entry.plain(), n) for name, entry in scores.items()}
    return readings(Evaluation("toy", None, "", {}, {}, {}, values))


def model(*, objective=None, seed=0):
    torch.manual_seed(seed)
    settings = {"inputs": 2, "width": 8, "hidden_layers": 1, "activation": nn.ReLU, "initialise": None}
    optimisation = AdversarialOptimisation(
        generator=torch.optim.SGD, critic=torch.optim.SGD, n_critic=Constant(1), generator_noise="fresh",
        gradient_clip_norm=None, accumulate=1,
    )  # fmt: skip
    made = Adversarial(
        generator=MLP(**settings, outputs=2), critic=MLP(**settings, outputs=None), latent=Normal(2),
        objective=objective or Wasserstein(), optimisation=optimisation, averaging=Exponential(0.9, warm_up=False),
        schedule=None, classes=None, seed=seed,
    )  # fmt: skip
    for weight in made.generator.parameters():
        weight.data.mul_(1.5)  # so that ema and raw differ
    return made


@each
def test_what_real_data_score_is_what_plain_draws_score(distribution):
    """The reference alone is stratified: real points that are drawn as a perfect generator would draw them are real."""
    real = score(distribution, draws_of(distribution, stratified=False), potential=lambda points: points[:, 0])
    again = [reading for reading in read(real).values() if reading != "as real data"]
    assert all(reading.startswith(("a lower bound", "below 0", "no reading")) for reading in again), again
    floors = [
        distribution.sample(64, np.random.Generator(np.random.Philox(key=keyed.seed(0, "floor", r)))) for r in range(10)
    ]
    for name, entry in score(distribution, floors, potential=lambda points: points[:, 0]).items():
        assert (entry.estimate, list(entry.draws)) == (entry.floor.estimate, list(entry.floor.draws)), name


@each
def test_evenly_spread_points_are_more_even_than_independent_draws(distribution):
    said = read(score(distribution, draws_of(distribution)))
    for name in ("w1", "w2"):
        assert said[name] == "beyond real data: more even than independent draws"
    assert not {reading for reading in said.values() if "better" in reading or "memorised" in reading}


@each
def test_a_shift_scores_worse_the_larger_it_is(distribution):
    shifts = (0.0, 0.3, 0.6, 1.2, 2.4)
    evaluation = replace(EVALUATION, draws=2)
    found = [score(distribution, draws_of(distribution, 2, shift=shift), evaluation) for shift in shifts]
    for name in ("w1", "w2"):
        values = [entry[name].estimate.value for entry in found]
        assert [a < b for a, b in itertools.pairwise(values)] == [True] * 4, name
        assert found[0][name].kind.better == "lower"
        assert values[-1] == pytest.approx(2.4, rel=0.1)


def test_a_shifted_line_scores_its_shift():
    """W1 = W2 = |θ|, TV = 1, JS = log 2: the lecture's table (stratified points: z agrees to 1/64)."""
    found = score(Line(0.0), draws_of(Line(0.5)))
    for name, expected in {"w1": 0.5, "w2": 0.5, "tv": 1.0, "js": math.log(2)}.items():
        assert found[name].estimate.value == pytest.approx(expected, abs=1e-3), name


def test_points_on_one_mode_score_a_collapse():
    mixture = DISTRIBUTIONS["gaussians8"]
    found = score(mixture, [np.repeat(mixture.modes[:1], 64, axis=0)] * 10)
    values = {name: entry.estimate.value for name, entry in found.items()}
    assert values["modes_covered"] == 1
    assert values["within_3_sigma"] == 1
    assert values["mode_kl"] == pytest.approx(math.log(8))
    # from one centre to eight: 2/1.414 times the mean chord, the noise aside
    chords = np.linalg.norm(mixture.modes - mixture.modes[0], axis=1)
    assert values["w1"] == pytest.approx(chords.mean(), rel=0.02)


@each
def test_scores_are_those_that_apply(distribution):
    with_critic = score(distribution, draws_of(distribution, 2), replace(EVALUATION, draws=2), lambda x: x[:, 0])
    setting = PointSetting(distribution, 8, has_potential=True)
    assert list(with_critic) == [score.name for score in applying(POINT_SCORES, setting)]
    of_denoisers = {score.name for score in FIELD_SCORES}
    assert list(with_critic) == [
        name for name in EVALUATION.protocol(data_of(distribution)).estimators if name not in of_denoisers
    ]
    without = score(distribution, draws_of(distribution, 2), replace(EVALUATION, draws=2))
    assert set(with_critic) - set(without) == {"critic_w1"}


def test_unequal_modes_are_held_against_their_own_shares():
    """All modes equally often is as wrong as the shares are unequal."""
    mixture = DISTRIBUTIONS["unequal"]
    found = score(mixture, [np.repeat(mixture.modes, 20, axis=0)] * 10)
    assert found["mode_kl"].estimate.value == pytest.approx(-np.log(3 * mixture.class_shares()).mean())
    assert max(found["mode_kl"].floor.draws) < 0.15 < found["mode_kl"].estimate.value
    assert found["modes_covered"].estimate.value == 3


def test_the_target_of_within_3_sigma_is_the_rayleigh_share():
    found = score(DISTRIBUTIONS["gaussians8"], draws_of(DISTRIBUTIONS["gaussians8"]))
    assert found["within_3_sigma"].kind.target == 0.98889 == round(1 - math.exp(-4.5), 5)
    assert found["within_3_sigma"].kind.better == "target"


def test_a_score_is_the_mean_over_draws_with_its_interval():
    distribution = DISTRIBUTIONS["gaussians8"]
    draws = draws_of(distribution, shift=0.5)
    reference = distribution.sample(
        64, np.random.Generator(np.random.Philox(key=keyed.seed(0, "reference"))), stratified=True
    )
    each_w1 = [wasserstein(reference, points, order=1) for points in draws]
    entry = score(distribution, draws)["w1"]
    assert entry.estimate.value == pytest.approx(np.mean(each_w1), rel=1e-12)
    half = 2.2621571628 * np.std(each_w1, ddof=1) / math.sqrt(10)
    assert (entry.estimate.high - entry.estimate.low) / 2 == pytest.approx(half, rel=1e-6)
    assert (entry.floor.n, len(entry.floor.draws), entry.floor.kind) == (64, 10, "fresh draws")
    assert list(entry.draws) == pytest.approx(each_w1, rel=1e-12)


def test_below_ten_draws_there_is_a_value_and_a_floor_but_no_interval():
    distribution = DISTRIBUTIONS["swiss_roll"]
    found = score(distribution, draws_of(distribution, 3), replace(EVALUATION, draws=3))
    for entry in found.values():
        assert (entry.estimate.low, entry.estimate.high, entry.floor.estimate.low) == (None, None, None)
        assert entry.plain()["reason"]


def test_the_reference_is_everybodys_and_floors_are_the_draws():
    """Another seed draws other floors, against the same reference."""
    distribution = DISTRIBUTIONS["gaussians8"]
    draws = draws_of(distribution)
    here, there = score(distribution, draws), score(distribution, draws, replace(EVALUATION, seed=1))
    assert here["w1"].estimate == there["w1"].estimate
    assert here["w1"].floor != there["w1"].floor


@pytest.mark.parametrize("world", [2, 3])
@pytest.mark.parametrize("distribution", [DISTRIBUTIONS["gaussians8"], DISTRIBUTIONS["line"]], ids=["g8", "line"])
def test_the_number_of_processes_does_not_change_a_bit(together, world, distribution):
    evaluation = replace(EVALUATION, n=20, draws=5, chunk=16)
    models = [model() for _ in range(world)]
    alone = evaluation.score(models[0], data_of(distribution), Processes())
    for found in together(lambda p: evaluation.score(models[p.rank], data_of(distribution), p), world):
        assert found == alone
    while_training = evaluation.score_while_training(models[0], data_of(distribution), Processes())
    for found in together(lambda p: evaluation.score_while_training(models[p.rank], data_of(distribution), p), world):
        assert found == while_training


def test_scoring_twice_gives_the_same_and_another_seed_another_sample():
    evaluation, distribution = replace(EVALUATION, n=20, draws=2), DISTRIBUTIONS["gaussians8"]
    first, again = (evaluation.score(model(), data_of(distribution), Processes()) for _ in range(2))
    other = replace(evaluation, seed=1).score(model(), data_of(distribution), Processes())
    assert first == again
    assert first["w1"].estimate != other["w1"].estimate


def test_scores_are_told_which_weights_they_use():
    distribution = DISTRIBUTIONS["gaussians8"]
    evaluation = replace(EVALUATION, n=20, draws=2)
    ema, raw = (
        replace(evaluation, weights=w).score(model(), data_of(distribution), Processes()) for w in ("ema", "raw")
    )
    assert ema["w1"].estimate != raw["w1"].estimate
    same = model()
    same.generator.load_state_dict(same.weights("ema")["generator"].state_dict())
    assert replace(evaluation, weights="raw").score(same, data_of(distribution), Processes())["w1"] == ema["w1"]


def test_scores_while_training_are_on_draws_of_their_own():
    """Another at every step, and none of those of the card: the best checkpoint is chosen on other draws."""
    distribution, evaluation = DISTRIBUTIONS["gaussians8"], replace(EVALUATION, n=20, draws=1)
    trained = model()
    found = {evaluation.score(trained, data_of(distribution), Processes())["w1"].estimate.value}
    for step in (0, 5, 10):
        trained.steps = step
        found.add(evaluation.score_while_training(trained, data_of(distribution), Processes())["w1"])
    assert len(found) == 4


def test_a_gan_has_no_critics_estimate():
    gan = model(objective=NonSaturating())
    assert potential_of(gan) is None
    found = replace(EVALUATION, n=20, draws=2).score(gan, data_of(DISTRIBUTIONS["gaussians8"]), Processes())
    assert "critic_w1" not in found


def test_a_conditional_critic_is_no_potential_of_points():
    """Its numbers are of points and labels, and the score has no labels of the points."""
    assert potential_of(gan(objective=Wasserstein(), classes=4)) is None
    assert potential_of(gan(objective=Wasserstein())) is not None


def test_a_potential_is_the_critic_in_float64_and_leaves_it_alone():
    trained = model().train()
    points = np.random.default_rng(0).normal(0, 1, (6, 2))
    values = potential_of(trained)(points)
    assert values.dtype == np.float64 and values.shape == (6,)
    with torch.no_grad():
        assert values == pytest.approx(trained.critic(torch.from_numpy(points).float()).numpy(), rel=1e-4, abs=1e-5)
    assert next(trained.critic.parameters()).dtype == torch.float32
    assert next(trained.critic.parameters()).requires_grad and trained.critic.training


@pytest.mark.parametrize("centre", [0.0, 2.0, 10.0])
@pytest.mark.parametrize("shift", [1e-2, 1e-3, 1e-4])
def test_a_perfect_critic_of_a_nearly_perfect_generator_can_be_scored(centre, shift):
    """critic_w1 equals W1 here; an inexact W1 makes the evaluation's own check fail and the finished run is lost."""
    mixture = GaussianMixture(((centre, centre),), spread=1.0, scale=1.0)
    setting = PointSetting(mixture, 8, has_potential=True)
    scores = applying(POINT_SCORES, setting)
    for seed in range(5):
        reference = mixture.sample(64, np.random.default_rng(seed))
        perfect = PointReference(setting, scores, reference, lambda x: -x[:, 0])
        found = numbers(perfect.scores, perfect.compare(reference + np.array([shift, 0.0])))
        assert found["w1"] == pytest.approx(shift, rel=1e-8)
        assert found["critic_w1"] == pytest.approx(shift, rel=1e-8)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_diverged_generator_has_no_score(bad):
    diverged = model()
    nn.init.constant_(diverged.weights("ema")["generator"].body[-1].bias, bad)
    with pytest.raises(NonFiniteError, match="diverged"):
        EVALUATION.score(diverged, data_of(DISTRIBUTIONS["gaussians8"]), Processes())


@pytest.mark.parametrize(
    ("name", "value"), [("n", 1), ("draws", 0), ("chunk", 0), ("bins", -1), ("every", 0), ("threads", 0)]
)
def test_sizes_out_of_range_are_refused_by_name(name, value):
    with pytest.raises(UserError, match=f"{name}={value}: expected"):
        replace(EVALUATION, **{name: value})


def test_pictures_are_refused():
    for ask in (EVALUATION.kinds, EVALUATION.protocol):
        with pytest.raises(UserError, match="scores points, data=album are pictures; take evaluation=quick"):
            ask(Album())
