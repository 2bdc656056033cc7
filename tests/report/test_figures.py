from collections.abc import Callable

import pytest

from kantor.report import figures
from kantor.report.cards import Floor, read_score
from kantor.runs.directory import RunDirectory

METRICS = {
    "images_seen": [100.0, 200.0, 300.0],
    "train/critic_loss": [-1.0, -0.5, -0.2],
    "train/gradient_penalty": [0.1, None, 0.2],
    "val/w1": [None, 0.5, 0.1],
    "val/critic_w1": [None, 0.7, 0.2],
    "val/w2": [None, None, None],
}


def test_figures_need_their_columns():
    for figure in (figures.loss_curves, figures.term_curves, figures.critic_estimate):
        assert figure({}) is None
        assert figure(METRICS) is not None
    assert figures.score_curves(METRICS, "w2") is None
    assert figures.critic_estimate({**METRICS, "val/critic_w1": [None] * 3}) is None


def test_the_floor_is_drawn_at_its_value():
    figure = figures.score_curves(METRICS, "w1", Floor(0.06, 0.05, 0.07))
    assert figure is not None
    lines = [line.get_ydata() for line in figure.axes[0].lines]
    assert any(list(ys) == [0.06, 0.06] for ys in lines)


def test_the_critics_estimate_and_the_exact_distance_share_one_chart():
    figure = figures.critic_estimate(METRICS)
    assert figure is not None
    assert [list(line.get_ydata()) for line in figure.axes[0].lines] == [[0.5, 0.1], [0.7, 0.2]]


def test_dots_stand_at_the_values_in_the_order_given():
    scores = [read_score("w1", {"value": value, "better": "lower"}) for value in (0.1, 0.2)]
    figure = figures.dot_intervals([("a", scores[0]), ("b", None), ("c", scores[1])], "w1")
    assert figure is not None
    dots = [(line.get_xdata()[0], line.get_ydata()[0]) for line in figure.axes[0].lines if line.get_marker() == "o"]
    assert dots == [(0.1, 0), (0.2, 2)]
    assert figures.dot_intervals([("a", None)], "w1") is None


def test_one_wild_value_does_not_flatten_the_curve():
    losses = [1e6, *(0.01 * i for i in range(999))]
    figure = figures.loss_curves({"images_seen": list(range(1000)), "train/loss": losses})
    assert figure is not None
    assert figure.axes[0].get_ylim()[1] < 100


def test_write_figures(make_run: Callable[..., RunDirectory]):
    run = make_run("a")
    figures.write_figures(run)
    assert {path.name for path in run.figures.iterdir()} == {"contours.png", "losses.png", "critic_estimate.png"}


@pytest.mark.parametrize("text", ["", "images_seen,steps,critic_steps,seconds\n"])
def test_nothing_to_draw(make_run: Callable[..., RunDirectory], text: str):
    run = make_run("a", bare=True)
    run.metrics_csv.write_text(text)
    figures.write_figures(run)
    assert not run.figures.exists()
