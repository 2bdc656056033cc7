import io
from collections.abc import Callable
from pathlib import Path

import pytest
from report_runs import Family, edit, write_run
from rich.console import Console

from kantor.errors import UserError
from kantor.report.status import print_status, status_rows, status_table
from kantor.runs.directory import RunDirectory

MakeRun = Callable[..., RunDirectory]


def printed(root: Path) -> str:
    console = Console(file=io.StringIO(), width=1000)
    console.print(status_table(root))
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_a_run_that_nobody_works_on_is_stopped(make_run: MakeRun, tmp_path: Path):
    run = make_run("a", state="running")
    assert [row.state for row in status_rows(tmp_path)] == ["stopped"]
    with run.lock():
        row = status_rows(tmp_path)[0]
    assert row.state == "running"


def test_progress_comes_from_the_end_of_the_metrics(make_run: MakeRun, tmp_path: Path):
    run = make_run("a", state="running")
    edit(run.status_json, budget={"steps": 2000, "minutes": None})
    progress = status_rows(tmp_path)[0].progress
    assert progress is not None
    assert (progress.steps, progress.share) == (500, 0.25)
    assert progress.seconds_left == pytest.approx(1500 / 20)  # the helper writes 20 steps per second
    run.metrics_csv.write_text(run.metrics_csv.read_text() + "960000,7")  # a torn row
    again = status_rows(tmp_path)[0].progress
    assert again is not None
    assert again.steps == 500


def test_a_budget_in_minutes(make_run: MakeRun, tmp_path: Path):
    edit(make_run("a", state="running").status_json, budget={"steps": None, "minutes": 1})
    progress = status_rows(tmp_path)[0].progress
    assert progress is not None
    assert progress.share == pytest.approx(25 / 60)
    assert progress.seconds_left == pytest.approx(35)


def test_a_piped_table_is_whole(make_run: MakeRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    run = make_run("a" * 120 + "/run")
    make_run("b/new", state="new", bare=True)
    print_status(tmp_path)
    out = capsys.readouterr().out
    assert str(run.path) in out
    assert "\x1b" not in out
    assert "w1 0.051 [0.048, 0.054]" in out
    assert "500 of 500" in out
    assert "0 of 500" in out


def test_one_damaged_run_does_not_hide_the_others(make_run: MakeRun, tmp_path: Path):
    make_run("a").status_json.write_text("{")
    make_run("b").card_json.write_text("{")
    make_run("c", state="failed", reason="NaN in [loss] at step 7")
    assert [row.state for row in status_rows(tmp_path)] == ["damaged", "damaged", "failed"]
    assert "NaN in [loss] at step 7" in printed(tmp_path)


def test_an_early_end_is_said(make_run: MakeRun, tmp_path: Path):
    make_run("a", reason="a callback ended training early, at step 22 of 500")
    assert "step 22 of 500" in printed(tmp_path)


def test_no_runs(tmp_path: Path):
    assert "no run below" in printed(tmp_path)
    with pytest.raises(UserError, match="is no directory"):
        status_table(tmp_path / "missing")


def test_what_a_step_is_is_said_once_where_it_is_the_same(make_run: MakeRun, family: Family, tmp_path: Path):
    make_run("a")
    make_run("b", seed=1)
    assert printed(tmp_path).count(f"a step is {family.run.model.step_is}") == 1


def test_what_a_step_is_is_said_of_each_experiment(every_family: dict[str, Family], tmp_path: Path):
    for name, family in every_family.items():
        for seed in (0, 1):
            write_run(tmp_path / f"{name}{seed}", family, experiment=name, seed=seed)
    text = printed(tmp_path)
    for name, family in every_family.items():
        assert text.count(f"a step of {name} is {family.run.model.step_is}") == 1
