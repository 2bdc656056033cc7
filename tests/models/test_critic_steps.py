import inspect

import pytest

from kantor.errors import UserError
from kantor.models import critic_steps
from kantor.models.critic_steps import Bursts, Constant

SCHEDULES = [
    Constant(1),
    Constant(5),
    Bursts(steps=5, burst=100, first=25, every=500),  # the published code
    Bursts(steps=1, burst=3, first=0, every=4),
    Bursts(steps=2, burst=7, first=10, every=3),  # every < first
    Bursts(steps=2, burst=7, first=9, every=3),  # … and a divisor of it
    Bursts(steps=2, burst=7, first=3, every=3),
    Bursts(steps=2, burst=7, first=4, every=1),  # always a burst
    Bursts(steps=5, burst=2, first=1, every=7),  # fewer in a burst
    Bursts(steps=10, burst=200, first=1, every=1_000_000),
]
each = pytest.mark.parametrize("steps", SCHEDULES, ids=str)


def test_every_schedule_is_tested():
    kinds = {kind for _, kind in inspect.getmembers(critic_steps, inspect.isclass)}
    kinds = {kind for kind in kinds if kind.__module__ == critic_steps.__name__}
    assert kinds - {critic_steps.CriticSteps} == {type(steps) for steps in SCHEDULES}


@each
def test_before_is_the_running_sum(steps):
    total = 0
    for k in range(1100):
        assert steps.before(k) == total, k
        total += steps(k)


@each
def test_there_is_at_least_one_critic_step(steps):
    assert min(steps(k) for k in range(1100)) >= 1


def test_the_published_codes_schedule():
    steps = Bursts(steps=5, burst=100, first=25, every=500)
    bursts = [k for k in range(1100) if steps(k) == 100]
    assert bursts == [*range(25), 500, 1000]
    assert {steps(k) for k in range(1100)} == {5, 100}


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: Constant(0), "steps=0"),
        (lambda: Constant(-1), "steps=-1"),
        (lambda: Bursts(steps=0, burst=1, first=1, every=1), "steps=0"),
        (lambda: Bursts(steps=1, burst=0, first=1, every=1), "burst=0"),
        (lambda: Bursts(steps=1, burst=1, first=1, every=0), "every=0"),
        (lambda: Bursts(steps=1, burst=2, first=-3, every=2), "first=-3"),
    ],
)
def test_values_out_of_range_are_refused(make, named):
    with pytest.raises(UserError, match=named):
        make()
