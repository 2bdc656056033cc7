import pytest

from kantor.callbacks import findings
from kantor.callbacks.findings import CHECKS, LOOKS, SETTLED, History
from kantor.callbacks.gradients import CLIPPED, GENERATOR_GRADIENT, SLOPE
from kantor.callbacks.probabilities import ACCURACY
from kantor.callbacks.spread import COVERAGE, SPREAD


def history(*looks, count=SETTLED):
    """Of looks that come after `count` others."""
    found = History({}, {}, (), count)
    for look in looks:
        found = found.then(look)
    return found


def constant(n=LOOKS, **look):
    return [look] * n


def told(*looks):
    return {check for check, find in CHECKS.items() if find(history(*looks)) is not None}


def test_a_history_keeps_the_first_the_highest_and_the_last():
    found = history(*({"x": float(x)} for x in (3, 9, 1, 2, 4, 5, 6)), {"x": 7.0, "y": 1.0})
    assert found.first == {"x": 3, "y": 1} and found.highest == {"x": 9, "y": 1}
    assert found.last("x") == [2, 4, 5, 6, 7]
    assert found.last("y") == found.last("z") == []


@pytest.mark.parametrize("find", CHECKS.values())
def test_without_measurements_nothing_is_found(find):
    assert find(history()) is None
    assert find(history(*[{}] * LOOKS)) is None


AILING = {
    "mode_collapse": {SPREAD: 0.1, COVERAGE: 0.02},
    "perfect_discriminator": {ACCURACY: 1.0},
    "clipped_weights": {CLIPPED: 0.97, SLOPE: 1e-4},
    "wrong_slope": {SLOPE: 20.0},
    "constant_critic": {SLOPE: 1e-7, CLIPPED: 0.3},
}


@pytest.mark.parametrize("check", AILING)
def test_one_measurement_that_differs_is_enough_for_silence(check):
    ailing, well = [AILING[check]] * LOOKS, {SPREAD: 0.9, COVERAGE: 0.6, ACCURACY: 0.8, CLIPPED: 0.5, SLOPE: 1.0}
    assert told(*ailing) == {check}
    assert told(*ailing[1:]) == set()
    for place in range(LOOKS):
        looks = [*ailing[:place], {name: well[name] for name in AILING[check]}, *ailing[place + 1 :]]
        assert told(*looks) == set(), place


@pytest.mark.parametrize(("slope", "expected"), [(0.09, True), (0.11, False), (1, False), (9.9, False), (10.1, True)])
def test_slopes_that_a_small_penalty_allows_are_no_ailment(slope, expected):
    assert (findings.wrong_slope(history(*constant(**{SLOPE: slope}))) is not None) == expected


def test_a_clipped_critic_need_not_have_slope_one():
    assert told(*constant(**{SLOPE: 1e-5, CLIPPED: 0.5})) == set()


@pytest.mark.parametrize(("share", "expected"), [(0.94, False), (0.96, True)])
def test_the_share_of_clipped_weights(share, expected):
    assert (findings.clipped_weights(history(*constant(**{CLIPPED: share}))) is not None) == expected


@pytest.mark.parametrize(("norm", "expected"), [(2e-4, False), (0.9e-4, True), (0.0, True)])
def test_a_gradient_vanishes_against_its_beginning(norm, expected):
    looks = [{GENERATOR_GRADIENT: 1.0}, *constant(**{GENERATOR_GRADIENT: norm})]
    assert (findings.vanishing_gradient(history(*looks)) is not None) == expected


def test_samples_that_still_move_apart_are_no_collapse():
    """A fresh generator makes nearly the same of all noise."""
    growing = [{SPREAD: 0.02 * 1.1**k, COVERAGE: 0.0} for k in range(LOOKS)]
    assert told(*growing) == set()
    assert told(*growing[::-1]) == {"mode_collapse"}


def test_samples_that_lie_close_together_at_the_beginning_are_no_collapse_yet():
    looks = constant(SETTLED, **{SPREAD: 0.1, COVERAGE: 0.0})
    assert findings.mode_collapse(history(*looks[1:], count=0)) is None
    assert findings.mode_collapse(history(*looks, count=0)) is not None


def test_spread_and_coverage_that_fall_by_half_are_a_collapse():
    before, after = {SPREAD: 1.0, COVERAGE: 0.8}, {SPREAD: 0.45, COVERAGE: 0.3}
    assert told(before, *[after] * LOOKS) == {"mode_collapse"}
    assert told(before, *[{**after, SPREAD: 0.6}] * LOOKS) == set()
    assert told(before, *[{**after, COVERAGE: 0.5}] * LOOKS) == set()


def test_noise_that_becomes_pictures_is_no_collapse():
    """Saturated noise is spread more widely than any picture."""
    assert told({SPREAD: 2.5, COVERAGE: 0.0}, *constant(**{SPREAD: 0.8, COVERAGE: 0.3})) == set()
