import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from kantor.report.drawing import INK, SERIES, known, label_ends, new_axes, over_images, png, smooth, spread, svg, thin


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


@pytest.mark.parametrize("wanted", [[0.5, 0.5, 0.5], [0.9, 0.1, 0.12, 0.11], [0.0], [0.3, 0.1, 0.2]])
def test_labels_keep_their_order_and_their_distance(wanted: list[float]):
    places = spread(wanted, 0.1)
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    gaps = np.diff([places[i] for i in order])
    assert np.all(gaps >= 0.1 - 1e-9)
    assert np.mean(places) == pytest.approx(np.mean(wanted))


def test_labels_far_apart_stay():
    assert spread([0.9, 0.1], 0.1) == [0.9, 0.1]


def chart(text: str) -> str:
    figure, axes = new_axes(text)
    axes.plot([0, 1000], [0, 1], color=SERIES[0])
    over_images(axes)
    label_ends(axes, [(1.0, text, INK)])
    return svg(figure, "chart")


def test_svg_is_an_element_with_variables_and_the_same_each_time():
    text = chart("w1")
    assert ElementTree.fromstring(text).tag.endswith("svg")
    assert f"var(--series-1, {SERIES[0]})" in text
    assert text == chart("w1")


def test_svg_of_hostile_text_is_text():
    assert "<script" not in chart("<script>alert(1)</script> --> $x^$ $")


def test_ids_of_two_charts_do_not_meet():
    def ids(name: str) -> set[str]:
        figure, axes = new_axes("w1")
        axes.plot([0, 1], [0, 1], marker="o")
        return {element.get("id", "") for element in ElementTree.fromstring(svg(figure, name)).iter()} - {""}

    assert ids("a")
    assert not ids("a") & ids("b")


def test_png():
    assert png(new_axes("w1")[0], 50).startswith(b"\x89PNG")
