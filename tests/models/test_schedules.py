"""Learning rates by hand: first step, end of the warm-up, middle, last step, and beyond."""

import pytest

from kantor.errors import UserError
from kantor.models.schedules import Cosine, Linear, Stairs, WarmUp


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (WarmUp(4), {0: 0.25, 1: 0.5, 3: 1.0, 4: 1.0, 1000: 1.0}),
        (Linear(steps=100, warm_up=0, final=0.0), {0: 1.0, 25: 0.75, 50: 0.5, 99: 0.01, 100: 0.0, 1000: 0.0}),
        (Linear(steps=110, warm_up=10, final=0.2), {0: 0.1, 9: 1.0, 10: 1.0, 60: 0.6, 109: 0.208, 110: 0.2, 999: 0.2}),
        (
            Cosine(steps=100, warm_up=0, final=0.0),
            {0: 1.0, 25: 0.85355339, 50: 0.5, 75: 0.14644661, 100: 0.0, 500: 0.0},
        ),
        (Cosine(steps=110, warm_up=10, final=0.5), {0: 0.1, 9: 1.0, 10: 1.0, 60: 0.75, 110: 0.5, 111: 0.5}),
        (Cosine(steps=1, warm_up=0, final=0.0), {0: 1.0, 1: 0.0}),
        (Stairs(every=10, factor=0.5, steps=25), {0: 1.0, 9: 1.0, 10: 0.5, 20: 0.25, 25: 0.25, 999: 0.25}),
    ],
    ids=str,
)
def test_factors_by_hand(schedule, expected):
    assert {step: schedule(step) for step in expected} == pytest.approx(expected, abs=1e-8)


SCHEDULES = [
    kind(steps=40, warm_up=w, final=f) for kind in (Linear, Cosine) for w in (0, 1, 7) for f in (0.0, 0.3, 1.0)
]


@pytest.mark.parametrize("schedule", [*SCHEDULES, WarmUp(7)], ids=str)
def test_rates_rise_then_fall_and_do_not_change_beyond_the_end(schedule):
    factors = [schedule(step) for step in range(60)]
    assert all(0 <= factor <= 1 for factor in factors) and max(factors) == 1
    top = schedule.warm_up
    assert factors[: top + 1] == sorted(factors[: top + 1])
    assert factors[top:] == sorted(factors[top:], reverse=True)
    assert set(factors[schedule.end :]) == {factors[schedule.end]}


@pytest.mark.parametrize("kind", [Linear, Cosine])
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"steps": None}, "^steps=null: a budget in images or minutes has no number of steps"),
        ({"steps": 5, "warm_up": 5}, "^steps=5: expected more steps than those of warm_up=5"),
        ({"warm_up": -1}, "^warm_up=-1"),
        ({"final": 1.5}, r"^final=1.5: expected a factor in \[0, 1\]"),
        ({"final": -0.1}, "^final=-0.1"),
    ],
)
def test_wrong_settings_are_refused(kind, wrong, message):
    with pytest.raises(UserError, match=message):
        kind(**{"steps": 100, "warm_up": 0, "final": 0.0, **wrong})


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"steps": None}, "^steps=null: "),
        ({"every": 0}, "^every=0"),
        ({"factor": 0.0}, r"^factor=0.0: expected .* 0.97"),
    ],
)
def test_wrong_stairs_are_refused(wrong, message):
    with pytest.raises(UserError, match=message):
        Stairs(**{"every": 10, "factor": 0.97, "steps": 100, **wrong})


def test_a_warm_up_takes_at_least_one_step():
    with pytest.raises(UserError, match=r"^warm_up=0"):
        WarmUp(0)
