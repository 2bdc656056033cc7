"""Error budgets on pages: a table for each distance, and figures of parts, evaluations and seconds."""

import pytest
from report_runs import score

from kantor.report.cards import read_evaluations
from kantor.report.error_budget import ErrorBudget, budget_figures, budget_sheets, write_budget_figures
from kantor.report.page import report_html


def part(value):
    return {"w1": {"value": value, "low": value - 0.01, "high": value + 0.01}}


def budget(*, parts=True, faster=1.0):
    rows = [
        {
            "nfe": nfe,
            "steps": nfe,
            "seconds": faster * nfe * 1e-4,
            "whole": part(0.05 + 1 / nfe),
            **({"discretisation": part(0.03 + 1 / nfe), "learning": part(0.06)} if parts else {}),
        }
        for nfe in (5, 10, 100)
    ]
    return {"floor": part(0.04), "rows": rows}


@pytest.fixture
def run(make_run, evaluated):
    ddim, heun = ({"checkpoint": "last", "weights": "ema", "sampler": name, "nfe": 50} for name in ("ddim", "heun"))
    return make_run(
        "a",
        evaluations=[
            {**evaluated({"w1": score(0.06)}, sampling=ddim), "error_budget": budget()},
            {**evaluated({"w1": score(0.07)}, sampling=heun), "error_budget": budget(parts=False, faster=2)},
            evaluated({"w1": score(0.07)}, sampling={**heun, "weights": "raw"}),
        ],
    )


def test_tables_say_each_part_with_its_interval(run):
    first, second = budget_sheets(read_evaluations(run.card()))
    assert first.columns == ("nfe", "ms a sample", "w1", "discretisation", "learning")
    assert list(first.rows[1]) == ["10", "1", "0.150 [0.140, 0.160]", "0.130 [0.120, 0.140]", "0.060 [0.050, 0.070]"]
    assert "real data score 0.040 [0.030, 0.050]" in first.caption
    assert second.columns == ("nfe", "ms a sample", "w1") and "heun" in second.title


def test_figures_are_of_the_parts_and_of_all_samplers(run):
    parts, evaluations, seconds = budget_figures(read_evaluations(run.card()))
    assert [one.name for one in (parts, evaluations, seconds)] == ["error_budget", "by_evaluations", "by_seconds"]
    assert [len(one.figure.axes[0].lines) for one in (parts, evaluations, seconds)] == [4, 3, 3]  # with real data
    ddim, heun = (line.get_xdata().tolist() for line in seconds.figure.axes[0].lines[:2])
    assert ddim == pytest.approx([0.5, 1, 10]) and heun == pytest.approx([1, 2, 20])
    write_budget_figures(run)
    assert {path.name for path in run.figures.glob("*.png")} >= {"error_budget.png", "by_evaluations.png"}


def test_the_page_has_them_and_says_how_to_read_them(run):
    write_budget_figures(run)
    page = report_html(run)
    assert page.count("<h2>Error budget</h2>") == 1 and "0.130 [0.120, 0.140]" in page
    assert "the network has not learned enough" in page
    assert page.count("Figure: error budget") == 0  # the file is not shown beside the drawing


def test_runs_without_one_have_no_such_section(make_run, evaluated):
    run = make_run("b")
    assert "Error budget" not in report_html(run) and budget_figures(read_evaluations(run.card())) == []
    assert ErrorBudget.of(read_evaluations(run.card())[0]) is None
    write_budget_figures(run)
    assert not (run.figures / "error_budget.png").exists()
