import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from kantor.report.drawing import as_file, label_ends, new_axes, png, spread, svg
from kantor.report.palette import INK, SERIES


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


@pytest.mark.parametrize(("suffix", "start"), [("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_files_are_the_same_each_time_and_have_plain_colours(suffix: str, start: bytes):
    def made() -> bytes:
        figure, axes = new_axes("w1")
        axes.plot([0, 1], [0, 1], color=SERIES[0])
        return as_file(figure, "w1", suffix)

    assert made() == made()
    assert made().startswith(start) and b"var(" not in made()
