from collections.abc import Callable

import pytest
from report_runs import Family, edit

from kantor.errors import UserError
from kantor.models.charts import Chart
from kantor.report.cards import Floor, Score
from kantor.report.figures import Drawing, Log, score_figures, training_figures, write_figures
from kantor.report.page import report_html
from kantor.report.summary import summarise
from kantor.runs.directory import RunDirectory

MakeRun = Callable[..., RunDirectory]
METRICS = {
    "steps": [100.0, 200.0, 300.0],
    "train/energy_loss": [-1.0, -0.5, -0.2],
    "train/penalty": [0.1, None, 0.2],
    "train/d_real": [None, 0.9, 0.6],
    "train/d_fake": [None, 0.1, 0.4],
    "train/norm": [1.0, 1e-3, 1e-5],
    "train/slope": [None, None, None],
    "val/w1": [None, 0.5, 0.1],
    "val/own_w1": [None, 0.7, 0.2],
    "val/w2": [None, None, None],
}
CHARTS = (
    Chart("probabilities", "D", {"train/d_real": "D(x)", "train/d_fake": "D(G(z))"}, mark=(0.5, "½"), limits=(0, 1)),
    Chart("norms", "Norms", {"train/norm": "norm"}),
    Chart("slope", "Slope", {"train/slope": "slope", "train/unheard_of": "x"}),
    Chart("estimate", "W1", {"val/w1": "exact", "val/own_w1": "own"}, floor_of="w1"),
)
SCORES = {
    "w1": Score(0.5, name="w1", meaning="a distance", floor=Floor(0.06, 0.05, 0.07)),
    "w2": Score(0.5, name="w2", floor=Floor(0.1)),
}
LOG = Log(METRICS, CHARTS, SCORES)


def by_name(drawings: list[Drawing]) -> dict[str, Drawing]:
    return {drawing.name: drawing for drawing in drawings}


def lines_of(drawing: Drawing) -> list[list[float]]:
    return [list(line.get_ydata()) for line in drawing.figure.axes[0].lines]


def test_a_figure_needs_one_of_its_columns():
    drawn = by_name(training_figures(LOG))
    assert list(drawn) == ["estimate", "losses", "terms", "probabilities", "norms"]
    assert training_figures(Log({}, CHARTS)) == score_figures(Log({}, CHARTS)) == []


def test_columns_in_no_chart_are_drawn_by_their_names():
    drawn = by_name([*training_figures(Log(METRICS, (), SCORES)), *score_figures(Log(METRICS, (), SCORES))])
    assert list(drawn) == ["losses", "terms", "score-w1", "score-own_w1"]
    assert [text.get_text() for text in drawn["losses"].figure.axes[0].texts] == ["energy loss"]
    assert {text.get_text() for text in drawn["terms"].figure.axes[0].texts} == {"penalty", "d real", "d fake", "norm"}


def test_what_a_chart_shows_is_neither_a_term_nor_a_score_of_its_own():
    drawn = by_name(training_figures(LOG))
    assert lines_of(drawn["terms"]) == [[0.1, 0.2]]
    assert score_figures(LOG) == []


def test_a_chart_has_its_mark_and_its_limits():
    drawing = by_name(training_figures(LOG))["probabilities"]
    assert lines_of(drawing) == [[0.9, 0.6], [0.1, 0.4], [0.5, 0.5]]
    axes = drawing.figure.axes[0]
    assert [text.get_text() for text in axes.texts] == ["D(x)", "D(G(z))", "½"]
    assert axes.get_ylim() == pytest.approx((-0.03, 1.03))


def test_values_over_orders_of_magnitude_have_a_logarithmic_axis():
    drawn = by_name(training_figures(LOG))
    assert drawn["norms"].figure.axes[0].get_yscale() == "log"
    assert drawn["losses"].figure.axes[0].get_yscale() == "linear"


def test_a_floor_is_drawn_at_its_value():
    of_chart = by_name(training_figures(LOG))["estimate"]
    assert lines_of(of_chart) == [[0.5, 0.1], [0.7, 0.2], [0.06, 0.06]]
    of_score = by_name(score_figures(Log(METRICS, (), SCORES)))["score-w1"]
    assert lines_of(of_score) == [[0.5, 0.1], [0.06, 0.06]]
    assert of_score.alt == "Score w1 over training steps; real data score 0.060 [0.050, 0.070]"


def test_one_wild_value_does_not_flatten_the_curve():
    losses = [1e6, *(0.01 * i for i in range(999))]
    (drawing,) = training_figures(Log({"steps": list(range(1000)), "train/loss": losses}))
    assert drawing.figure.axes[0].get_ylim()[1] < 100


def test_figures_are_written_and_the_page_draws_them_once(make_run: MakeRun, family: Family):
    run = make_run("a")
    write_figures(run)
    charts = [chart for chart in family.run.model.charts() if set(chart.lines) & set(family.metrics()[0])]
    written = {path.stem for path in run.figures.iterdir()} - {"contours"}
    assert written == {"losses", *(["terms"] if len(family.losses) > 2 else []), *(chart.file for chart in charts)}
    html = report_html(run)
    assert "Figure: contours" in html
    for chart in charts:
        assert html.count(f'aria-label="{chart.title} over training steps"') == 1
    for name in written:
        assert f"Figure: {name}" not in html


@pytest.mark.parametrize("text", ["", "images_seen,steps,seconds\n"])
def test_nothing_to_draw(make_run: MakeRun, text: str):
    run = make_run("a", bare=True)
    run.metrics_csv.write_text(text)
    write_figures(run)
    assert not run.figures.exists()


@pytest.mark.parametrize(
    ("charts", "why"),
    [
        ([{"file": "../../outside", "title": "", "lines": {}}], r"\.file: expected a name"),
        ([{"file": "x"}], "title"),
        ([{"file": "x", "title": "", "lines": {}, "colour": "red"}], "colour"),
    ],
)
def test_charts_that_no_run_declares_are_refused(make_run: MakeRun, charts: list[dict[str, object]], why: str):
    """A run may come from anybody, and its figures are written by their names."""
    run = make_run("a")
    edit(run.environment_json, charts=charts)
    with pytest.raises(UserError, match=rf"environment\.json is damaged \(charts\[0\].*{why}"):
        write_figures(run)
    assert not (run.path.parent / "outside.png").exists()


def test_a_run_declares_its_models_charts(make_run: MakeRun, family: Family):
    assert [chart.file for chart in summarise(make_run("a")).charts] == [c.file for c in family.run.model.charts()]


def test_all_charts_of_a_page_have_one_axis():
    limits = {drawing.figure.axes[0].get_xlim() for drawing in [*training_figures(LOG), *score_figures(LOG)]}
    assert len(limits) == 1


def test_a_network_has_one_name():
    """Whatever the logs call it under every objective."""
    names = {"train/critic_loss": [0.1, 0.2, 0.3], "steps": METRICS["steps"]}
    for words, label in (({}, "critic loss"), ({"critic": "discriminator"}, "discriminator loss")):
        (drawing,) = training_figures(Log(names, words=words))
        assert [text.get_text() for text in drawing.figure.axes[0].texts] == [label]


def test_a_chart_says_what_it_shows_below():
    drawn = by_name([*training_figures(Log(METRICS, (), SCORES)), *score_figures(Log(METRICS, (), SCORES))])
    assert drawn["score-w1"].caption == "A distance."
    assert "good: " in drawn["losses"].caption and "suspicious: " in drawn["terms"].caption
