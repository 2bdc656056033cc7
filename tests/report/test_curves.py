import numpy as np
import pytest

from kantor.report.curves import Curve, Mark, draw, known, smooth, thin


@pytest.mark.parametrize("window", [1, 2, 5, 50])
def test_smoothing_leaves_straight_lines(window: int):
    line = 3 + 0.5 * np.arange(20)
    assert smooth(line, window) == pytest.approx(line)


def test_smoothing_is_a_centred_mean():
    assert smooth(np.array([0.0, 3.0, 0.0, 3.0, 0.0]), 3) == pytest.approx([0, 1, 2, 1, 0])


def test_thinning_keeps_spikes():
    ys = np.zeros(10_000)
    ys[4321], ys[777] = 5, -7
    xs, thinned = thin(np.arange(10_000.0), ys, 100)
    assert len(thinned) <= 100
    assert (thinned.max(), thinned.min()) == (5, -7)
    assert np.all(np.diff(xs) > 0)


def test_unknown_cells_are_left_out():
    xs, ys = known([1, 2, None, 4, 5], [None, 1.0, 2.0, float("nan"), 3.0])
    assert (xs.tolist(), ys.tolist()) == ([2, 5], [1, 3])


def test_a_curve_keeps_the_colour_of_its_place():
    """So that a run has one colour in all charts of a comparison."""
    curves = [Curve("a", [1, 2], [3.0, 4.0]), Curve("b", [], []), Curve("c", [1, 2], [1.0, 2.0])]
    whole, second = draw("x", curves, over="steps"), draw("x", [Curve("", [], []), *curves[1:]], over="steps")
    assert whole is not None and second is not None
    assert whole.axes[0].lines[1].get_color() == second.axes[0].lines[0].get_color()
    assert draw("x", curves[1:2], over="steps") is None


def test_many_noisy_points_are_faint_below_their_average():
    ys = [(-1.0) ** i for i in range(1000)]
    figure = draw("x", [Curve("a", list(range(1000)), ys)], smoothed=0.1, over="steps")
    assert figure is not None
    raw, average = figure.axes[0].lines
    assert raw.get_alpha() == 0.25 and average.get_alpha() is None
    assert np.abs(average.get_ydata()[100:-100]).max() < 0.02


def test_few_points_are_marked():
    figure = draw("x", [Curve("a", [1, 2, 3], [3.0, 1.0, 2.0])], smoothed=0.1, over="steps")
    assert figure is not None
    (line,) = figure.axes[0].lines
    assert line.get_marker() == "o" and list(line.get_ydata()) == [3, 1, 2]


def test_counts_have_whole_ticks():
    figure = draw(
        "modes covered", [Curve("a", [1, 2, 3], [7.0, 8.0, 8.0])], marks=[Mark(8.0, "real data")], over="steps"
    )
    assert figure is not None
    low, high = figure.axes[0].get_ylim()
    assert [tick for tick in figure.axes[0].get_yticks() if low <= tick <= high] == [7, 8]
