"""The bar of an evaluation, without a terminal: a line now and then, by a clock of the test's own."""

import pytest

from kantor.evaluation import bar
from kantor.evaluation.bar import LINE_EVERY, Bar


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 100.0

        def perf_counter(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(bar, "time", clock)
    return clock


def test_lines_say_how_many_are_done_how_fast_and_how_long_it_takes(clock, capsys):
    with Bar("drawing", 1000, shown=True) as shown:
        shown.begin(200)
        clock.now += LINE_EVERY / 2
        shown.add(100)
        assert capsys.readouterr().err == ""
        clock.now += LINE_EVERY / 2
        shown.add(50)
        assert capsys.readouterr().err == "drawing: 350/1,000 pictures, 10 pictures/s, 65 s left\n"
        clock.now += 1
        shown.add(50)
    assert capsys.readouterr().err == ""


def test_a_last_chunk_that_is_cut_does_not_count_beyond_the_end(clock, capsys):
    with Bar("drawing", 100, shown=True) as shown:
        clock.now += LINE_EVERY
        shown.add(150)
    assert "100/100 pictures" in capsys.readouterr().err


def test_one_that_is_not_shown_counts_in_silence(clock, capsys):
    with Bar("drawing", 100, shown=False) as quiet:
        clock.now += 10 * LINE_EVERY
        quiet.add(60)
    assert quiet.done == 60 and capsys.readouterr().err == ""


def test_on_a_terminal_it_is_a_bar_that_is_taken_down(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    with Bar("drawing", 100, shown=True) as shown:
        shown.add(40)
        assert shown._progress is not None
    assert shown._progress.finished is False and shown._progress.live.is_started is False
    assert "drawing" in capsys.readouterr().err
