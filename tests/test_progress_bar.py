"""The bar of any work, without a terminal: a line now and then, by a clock of the test's own."""

import pytest

from kantor import progress_bar
from kantor.progress_bar import ProgressBar
from kantor.progress_display import LINE_EVERY, State, notebook_bar


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 100.0

        def perf_counter(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(progress_bar, "time", clock)
    return clock


def test_lines_say_how_many_are_done_how_fast_and_how_long_it_takes(clock, capsys):
    with ProgressBar("drawing", 1000, unit="pictures") as shown:
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
    with ProgressBar("drawing", 100, unit="pictures") as shown:
        clock.now += LINE_EVERY
        shown.add(150)
        assert "100/100 pictures" in capsys.readouterr().err
        shown.begin(120)
        assert shown.done == 100


def test_one_that_is_not_shown_counts_in_silence(clock, capsys):
    with ProgressBar("drawing", 100, unit="pictures", shown=False) as quiet:
        clock.now += 10 * LINE_EVERY
        quiet.add(60)
    assert quiet.done == 60 and capsys.readouterr().err == ""


def test_on_a_terminal_it_is_a_bar_that_is_taken_down(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    with ProgressBar("drawing", 100, unit="pictures") as shown:
        shown.add(40)
        progress = shown._display.progress
        assert progress.live.is_started
    assert not progress.live.is_started
    assert "drawing" in capsys.readouterr().err


def test_a_total_that_comes_with_the_work_counts_from_where_it_was(clock, capsys):
    with ProgressBar("decoding", None, unit="pictures") as shown:
        shown.reach(600, 1000)
        clock.now += LINE_EVERY
        shown.reach(750, 1000)
    assert capsys.readouterr().err == "decoding: 750/1,000 pictures, 10 pictures/s, 25 s left\n"


def test_work_of_no_known_end_says_what_else_is_known(clock, capsys):
    shown = ProgressBar("training", None, unit="steps")
    shown.start()
    clock.now += LINE_EVERY
    assert shown.due
    shown.add(7)
    shown.show(speed="90 images/s", note="w1 0.25")
    assert not shown.due
    assert capsys.readouterr().err.splitlines()[-1] == "training: 7 steps, 90 images/s  w1 0.25"


def test_a_notebooks_bar_is_a_bar_and_a_line_whose_words_are_no_html():
    state = State(title="<b>", done=40, total=100, unit="steps", speed="9 steps/s", left=6.7, note="w1 0.25")
    shown = notebook_bar(state)
    assert shown["text/plain"] == "<b>: 40/100 steps, 9 steps/s, 7 s left  w1 0.25"
    assert '<progress value="40" max="100"' in shown["text/html"] and "&lt;b&gt;: 40/100" in shown["text/html"]
    assert "value=" not in notebook_bar(State(title="x", done=40, total=None, unit="steps"))["text/html"]
