import json
from collections.abc import Callable

import pytest

from kantor.errors import UserError
from kantor.report import figures, measured
from kantor.report.health import health_json, read_findings
from kantor.report.page import report_html
from kantor.runs.directory import RunDirectory

METRICS = {
    "images_seen": [100.0, 200.0, 300.0],
    "train/critic_loss": [1.0, 0.9, 0.8],
    "train/d_real": [None, 0.9, 0.6],
    "train/d_fake": [None, 0.1, 0.4],
    "train/generator_gradient": [1.0, 1e-3, 1e-5],
    "train/critic_slope": [None, None, None],
}


def test_a_figure_needs_one_of_its_columns():
    assert [panel.file for panel, _ in measured.panels_of(METRICS)] == ["probabilities", "gradients"]
    assert measured.panels_of({}) == []


def test_d_of_both_is_drawn_against_a_half_between_zero_and_one():
    (_, figure), *_ = measured.panels_of(METRICS)
    (axes,) = figure.axes
    assert [list(line.get_ydata()) for line in axes.lines][::2] == [[0.9, 0.6], [0.1, 0.4], [0.5, 0.5]]
    assert [text.get_text() for text in axes.texts] == ["D(x)", "D(G(z))", "½"]
    assert axes.get_ylim() == pytest.approx((-0.03, 1.03))


def test_gradients_over_orders_of_magnitude_have_a_logarithmic_axis():
    _, (_, figure) = measured.panels_of(METRICS)
    assert figure.axes[0].get_yscale() == "log"


def test_what_is_measured_is_no_term_of_a_loss():
    assert figures.term_curves(METRICS) is None


def test_files_are_written_and_the_page_draws_them_once(make_run: Callable[..., RunDirectory]):
    run = make_run("a")
    rows = ["images_seen,steps,critic_steps,seconds,train/d_real,train/d_fake"]
    run.metrics_csv.write_text("\n".join([*rows, "10,1,1,0.1,,", "20,2,2,0.2,0.7,0.4", "30,3,3,0.3,0.6,0.4"]) + "\n")
    figures.write_figures(run)
    assert (run.figures / "probabilities.png").is_file()
    html = report_html(run)
    assert html.count("How real the discriminator finds samples over real images seen") == 1
    assert "Figure: probabilities" not in html


def test_findings_stand_on_the_page(make_run: Callable[..., RunDirectory]):
    run = make_run("a")
    assert read_findings(run) == [] and 'aria-label="Health"' not in report_html(run)
    message = "mode collapse: <b>all</b> alike. Try this"
    found = [{"step": step, "check": "x", "message": message, "gone": gone} for step, gone in ((1500, None), (9, 1800))]
    health_json(run).write_text(json.dumps({"findings": found}))
    html = report_html(run)
    assert 'aria-label="Health"' in html
    assert "<b>At step 1,500</b> mode collapse: &lt;b&gt;all&lt;/b&gt; alike. Try this." in html
    assert "<b>At step 9</b> (gone by step 1,800) mode collapse" in html


def test_a_damaged_file_is_named(make_run: Callable[..., RunDirectory]):
    run = make_run("a")
    health_json(run).write_text("{")
    with pytest.raises(UserError, match=r"health\.json is damaged"):
        read_findings(run)
