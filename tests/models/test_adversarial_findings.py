from dataclasses import replace

import pytest
import torch

from kantor.models.adversarial_findings import CHECKS, ON_FAKE, ON_REAL, Setting, checks, optimal_slope
from kantor.models.adversarial_measurements import ACCURACY, CLIPPED, D_HIGHEST, D_LOWEST, GENERATOR_GRADIENT, SLOPE
from kantor.models.health import LOOKS, SETTLED, History
from kantor.models.spread import NEAREST_SAMPLE, REACHED, SPREAD
from kantor.objectives.adversarial import Minimax, NonSaturating, WassersteinClipping, WassersteinGradientPenalty
from kantor.objectives.least_squares import LeastSquares

PLAIN = Setting(
    penalty_weight=None,
    clipped=False,
    without_normalisation=None,
    saturating=False,
    logits=False,
    normalised=False,
    own=False,
)
LOGITS = replace(PLAIN, logits=True)
CLIPS = replace(PLAIN, clipped=True, without_normalisation="model.critic.normalise=null", normalised=True)


def history(*looks, count=SETTLED):
    """Of looks that come after `count` others."""
    found = History({}, {}, (), count)
    for look in looks:
        found = found.then(look)
    return found


def constant(n=LOOKS, **look):
    return [look] * n


def apart(spread, coverage, nearest=None):
    """A look at samples; without more said, groups are as far apart as single samples."""
    return {SPREAD: spread, NEAREST_SAMPLE: spread if nearest is None else nearest, REACHED: coverage}


def said(check, *looks, setting=PLAIN, count=SETTLED):
    return checks(setting)[check](history(*looks, count=count))


def told(*looks, setting=PLAIN):
    return {check for check in checks(setting) if said(check, *looks, setting=setting) is not None}


def test_each_check_has_the_name_of_its_ailment():
    assert list(checks(PLAIN)) == [check.__name__ for check in CHECKS] and len(set(CHECKS)) == 7


@pytest.mark.parametrize(
    ("objective", "critic", "expected"),
    [
        (NonSaturating(), torch.nn.Linear(2, 1), LOGITS),
        (LeastSquares(), torch.nn.Linear(2, 1), PLAIN),
        (Minimax(), torch.nn.Linear(2, 1), replace(LOGITS, saturating=True)),
        (WassersteinClipping(clip=0.1, spare_normalisation=False), torch.nn.BatchNorm1d(2),
         replace(CLIPS, without_normalisation=None)),
        (WassersteinGradientPenalty(penalty_weight=0.0, one_sided=False), torch.nn.Linear(2, 1),
         replace(PLAIN, penalty_weight=0.0)),
    ],
)  # fmt: skip
def test_the_setting_is_that_of_objective_and_critic(objective, critic, expected):
    assert Setting.of(objective, critic) == expected


@pytest.mark.parametrize(
    "kind", [NonSaturating, LeastSquares, Minimax, WassersteinClipping, WassersteinGradientPenalty]
)
def test_of_an_own_loss_nothing_is_taken_for_granted(kind):
    class Own(kind):
        def critic_terms(self, critic, real, fake, *, rng=None):
            return {"real": critic(real).square().mean(), "fake": (critic(fake) - 1).square().mean()}

        def generator_loss(self, critic, real, fake):
            return critic(fake).square().mean()

    settings = {WassersteinClipping: {"clip": 0.1, "spare_normalisation": False},
                WassersteinGradientPenalty: {"penalty_weight": 10.0, "one_sided": False}}.get(kind, {})  # fmt: skip
    setting = Setting.of(Own(**settings), torch.nn.Linear(2, 1))
    assert setting == replace(PLAIN, own=True) and setting.penalty == ()
    looks = constant(**{**apart(0.05, 0.02), SLOPE: 1e-9})
    assert told(*looks, setting=setting) == {"mode_collapse"}
    assert "objective" not in said("mode_collapse", *looks, setting=setting)


def test_a_penalty_that_no_word_makes_room_for_is_no_remedy():
    assert replace(PLAIN, normalised=True).penalty == ()


@pytest.mark.parametrize("check", checks(PLAIN))
def test_without_measurements_nothing_is_found(check):
    assert said(check) is None
    assert said(check, *[{}] * LOOKS) is None


AILING = {
    "mode_collapse": (apart(0.05, 0.02), PLAIN),
    "perfect_discriminator": ({ACCURACY: 1.0}, PLAIN),
    "clipped_weights": ({CLIPPED: 0.97, SLOPE: 1e-4}, CLIPS),
    "wrong_slope": ({SLOPE: 20.0}, PLAIN),
    "squashed_logits": ({D_LOWEST: 0.52, D_HIGHEST: 0.73}, LOGITS),
    "constant_critic": ({SLOPE: 1e-7, CLIPPED: 0.3}, CLIPS),
}


@pytest.mark.parametrize("check", AILING)
def test_one_measurement_that_differs_is_enough_for_silence(check):
    look, setting = AILING[check]
    ailing, well = (
        [look] * LOOKS,
        {**apart(0.9, 0.6), ACCURACY: 0.8, CLIPPED: 0.5, SLOPE: 1.0, D_LOWEST: 0.2, D_HIGHEST: 0.8},
    )
    assert told(*ailing, setting=setting) == {check}
    assert told(*ailing[1:], setting=setting) == set()
    for place in range(LOOKS):
        looks = [*ailing[:place], {name: well[name] for name in look}, *ailing[place + 1 :]]
        assert told(*looks, setting=setting) == set(), place


def test_the_optimal_slope_is_the_best_one():
    """K maximises K·W1 - λ(K - 1)²; with W1 = 0.774 and λ = 0.1 it is 4.87."""
    k = 1 + 0.774 / 0.2
    assert optimal_slope(k * 0.774, 0.1) == pytest.approx(k)
    assert optimal_slope(0.0, 10.0) == optimal_slope(-1.0, 10.0) == 1


@pytest.mark.parametrize(
    ("slope", "gap", "penalty_weight", "expected"),
    [
        (0.09, 0.0, 10.0, True), (0.11, 0.0, 10.0, False), (1.0, 5.0, 10.0, False), (1.9, 0.0, 10.0, False),
        (2.1, 0.0, 10.0, True), (8.0, 5.0, 10.0, True), (8.0, 3.77, 0.1, False), (9.9, 3.77, 0.1, True),
        (19.0, 1e3, 0.1, False), (21.0, 1e6, 0.1, True), (9.9, 0.0, None, False), (10.1, 0.0, None, True),
        (10.1, 0.0, 0.0, True),
    ],
)  # fmt: skip
def test_slopes_that_the_penalty_allows_are_no_ailment(slope, gap, penalty_weight, expected):
    looks = constant(**{SLOPE: slope, ON_REAL: -gap - 3, ON_FAKE: 3.0})
    setting = replace(PLAIN, penalty_weight=penalty_weight)
    assert (said("wrong_slope", *looks, setting=setting) is not None) == expected


def test_a_clipped_critic_need_not_have_slope_one():
    assert told(*constant(**{SLOPE: 1e-5, CLIPPED: 0.5}), setting=CLIPS) == set()


@pytest.mark.parametrize(("share", "expected"), [(0.94, False), (0.96, True)])
def test_the_share_of_clipped_weights(share, expected):
    assert (said("clipped_weights", *constant(**{CLIPPED: share}), setting=CLIPS) is not None) == expected


@pytest.mark.parametrize(("norm", "expected"), [(2e-4, False), (0.9e-4, True), (0.0, True)])
def test_a_gradient_vanishes_against_its_beginning(norm, expected):
    looks = [{GENERATOR_GRADIENT: 1.0}, *constant(**{GENERATOR_GRADIENT: norm})]
    assert (said("vanishing_gradient", *looks) is not None) == expected


@pytest.mark.parametrize("nearest", [None, 0.02])
def test_samples_that_still_move_apart_are_no_collapse(nearest):
    """A fresh generator makes nearly the same of all noise."""
    growing = [apart(0.02 * 1.1**k, 0.0) for k in range(LOOKS)]
    if nearest is not None:
        growing = [apart(0.8, 0.0, nearest * 1.1**k) for k in range(LOOKS)]
    assert told(*growing) == set()
    assert told(*growing[::-1]) == {"mode_collapse"}


def test_a_spot_that_is_spread_while_it_moves_is_a_collapse():
    """As all points of a collapsed game on 8 Gaussians; a generator that fails once and recovers is none."""
    assert told(*(apart(spread, 0.05) for spread in (0.07, 0.06, 0.18, 0.08, 0.07))) == {"mode_collapse"}
    assert told(*(apart(spread, 0.05) for spread in (0.07, 0.06, 0.4, 0.08, 0.07))) == set()
    assert told(*(apart(spread, 0.05) for spread in (0.12, 0.06, 0.12, 0.12, 0.07))) == set()


def test_samples_that_lie_close_together_at_the_beginning_are_no_collapse_yet():
    looks = [apart(0.05, 0.0)] * SETTLED
    assert said("mode_collapse", *looks[1:], count=0) is None
    assert said("mode_collapse", *looks, count=0) is not None


@pytest.mark.parametrize("nearest", [0.5, 0.09, 0.0])
def test_a_few_samples_that_come_again_and_again_are_a_collapse(nearest):
    """Two of them are as far apart on average as half of the real ones."""
    assert told(*[apart(0.5, 0.1, nearest)] * LOOKS) == ({"mode_collapse"} if nearest < 0.1 else set())


def test_distances_and_coverage_that_fall_by_half_are_a_collapse():
    before, after = apart(1.0, 0.8), apart(0.45, 0.3, 0.6)
    assert told(before, *[after] * LOOKS) == {"mode_collapse"}
    assert told(before, *[apart(0.6, 0.3, 0.4)] * LOOKS) == {"mode_collapse"}
    assert told(before, *[apart(0.6, 0.3)] * LOOKS) == set()
    assert told(before, *[apart(0.45, 0.5, 0.6)] * LOOKS) == set()


def test_noise_that_becomes_pictures_is_no_collapse():
    """Saturated noise is spread more widely than any picture."""
    assert told(apart(2.5, 0.0), *[apart(0.8, 0.3)] * LOOKS) == set()


@pytest.mark.parametrize("check", checks(PLAIN))
@pytest.mark.parametrize("penalised", [False, True])
@pytest.mark.parametrize(
    "own",
    [
        {"clipped": True},
        {"without_normalisation": "model.critic.network.normalise=null", "normalised": True},
        {"saturating": True},
        {},
    ],
    ids=["clipped", "normalised", "saturating", "plain"],
)
def test_no_remedy_is_what_the_run_has_already(check, penalised, own):
    setting = replace(LOGITS, penalty_weight=10.0 if penalised else None, **own)
    looks = [
        {GENERATOR_GRADIENT: 1.0},
        *[
            {
                **apart(0.0, 0.0),
                ACCURACY: 1.0,
                CLIPPED: 1.0,
                SLOPE: 1e-9,
                ON_REAL: 0.0,
                ON_FAKE: 0.0,
                GENERATOR_GRADIENT: 0.0,
                D_LOWEST: 0.5,
                D_HIGHEST: 0.7,
            }
        ]
        * LOOKS,
    ]
    message = said(check, *looks, setting=setting)
    if message is None:  # a clipped critic has no wrong slope, and no other is constant
        assert check == ("wrong_slope" if setting.clipped else "constant_critic")
        return
    assert message.count("Try ") == 1
    assert ("objective=wasserstein_gp" in message) == (not penalised and check != "squashed_logits")
    assert "objective=non_saturating" not in message or setting.saturating
    without = setting.without_normalisation
    assert "normalis" not in message or without in message
    assert without is None or penalised or without in message or check == "squashed_logits"
