"""The clock against a clock of our own: known answers, no real time."""

import time

import pytest

from kantor.callbacks.clock import Clock, anonymous_bytes


class Time:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def passing(monkeypatch):
    """Let seconds pass."""
    fake = Time()
    monkeypatch.setattr(time, "perf_counter", fake)

    def passes(seconds):
        fake.now += seconds

    return passes


def test_it_counts_from_start_to_end_of_training(passing):
    clock = Clock()
    passing(5)
    assert clock.seconds == 0
    clock.on_train_start(None, None)
    passing(3)
    assert clock.seconds == 3
    clock.on_train_end(None, None)
    passing(7)
    assert clock.seconds == 3


def test_it_stands_still_while_paused(passing):
    clock = Clock()
    clock.on_train_start(None, None)
    passing(1)
    with clock.paused():
        passing(100)
        assert clock.seconds == 1
    passing(2)
    assert clock.seconds == 3


def test_pauses_nest(passing):
    clock = Clock()
    clock.on_train_start(None, None)
    with clock.paused():
        with clock.paused():
            passing(10)
        passing(20)
        assert clock.seconds == 0
    passing(1)
    assert clock.seconds == 1


def test_it_goes_on_after_an_error_in_a_pause(passing):
    clock = Clock()
    clock.on_train_start(None, None)
    with pytest.raises(KeyError), clock.paused():
        passing(9)
        raise KeyError
    passing(2)
    assert clock.seconds == 2


def test_a_pause_before_training_does_not_start_it(passing):
    clock = Clock()
    with clock.paused():
        passing(3)
    passing(4)
    assert clock.seconds == 0


def test_a_resumed_clock_adds_to_what_was_before(passing):
    first = Clock()
    first.on_train_start(None, None)
    passing(4)
    second = Clock()
    second.load_state_dict(first.state_dict())
    second.on_train_start(None, None)
    passing(6)
    second.on_train_end(None, None)
    assert second.seconds == 10


def test_memory_is_the_peak_over_all_attempts():
    clock = Clock()
    clock.load_state_dict({"seconds": 0.0, "peak_memory_bytes": 10**15})
    clock.look_at_memory()
    assert clock.peak_memory_bytes == 10**15
    assert clock.state_dict()["peak_memory_bytes"] == 10**15


def test_anonymous_memory_grows_with_what_is_held():
    before = anonymous_bytes()
    held = bytearray(b"x" * 50_000_000)
    assert anonymous_bytes() - before == pytest.approx(len(held), rel=0.2)
