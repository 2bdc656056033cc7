import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
from report_runs import score
from rich.console import Console
from walks import KINDS

from kantor.models.sampling import Sampling
from kantor.report.cards import read_evaluations
from kantor.report.tables import (
    Sheet,
    csv_text,
    evaluation_sheet,
    fitting,
    markdown,
    print_card,
    score_sheet,
    terminal,
)
from kantor.runs.directory import RunDirectory

MakeRun = Callable[..., RunDirectory]
Evaluated = Callable[..., dict[str, Any]]


def printed(sheet: Sheet) -> str:
    console = Console(file=io.StringIO(), width=200)
    console.print(terminal(sheet))
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_a_score_table(evaluated: Evaluated):
    scores = {"w1": score(0.051), "nll": score(None, reason="none here"), "kid": score(0.0255, half=0.001)}
    sheet = score_sheet(read_evaluations({"evaluations": [evaluated(scores)]})[0])
    assert sheet.title == "toy at step 500: ema, last, direct, nfe 1"
    floor = "0.0250 [0.0240, 0.0260] (n = 1,024)"
    assert sheet.rows == [
        ("w1", "0.051", "[0.048, 0.054]", "draws", floor, "lower is better", "worse than real data"),
        ("nll", "-", "-", "-", floor, "lower is better", "not computed: none here"),
        ("kid", "0.0255", "[0.0245, 0.0265]", "draws", floor, "lower is better", "as real data"),
    ]


SETTINGS = {
    "Heun": "steps 3, grid u", "Heun, churn 4": "steps 3, grid u, churn 4", "DDIM": "steps 3, grid u",
    "DDIM, η = ½": "steps 3, grid u, eta 0.5", "ancestral, β": "steps 3, grid u, variance beta",
    "annealed Langevin": "steps 3, grid u, inner 5, step_size 0.1",
}  # fmt: skip


@pytest.mark.parametrize("kind", SETTINGS)
def test_settings_of_a_sampler_are_one_cell_of_those_that_change_something(kind, evaluated: Evaluated):
    """Whatever others there are, each with a value with which it does nothing."""
    drawn = Sampling("ema", KINDS[kind].of(3)).describe()
    assert "sampler.clip" in drawn
    (evaluation,) = read_evaluations({"evaluations": [evaluated({}, sampling=drawn)]})
    sheet = evaluation_sheet([evaluation], "")
    assert sheet.columns == ("evaluation", "step", "weights", "sampler", "nfe", "settings", "draws", "samples")
    assert sheet.rows[0][5] == SETTINGS[kind]
    told = [f"sampler.{one}" for one in SETTINGS[kind].split(", ")]
    assert evaluation.sampling_text == ", ".join(["ema", drawn["sampler"], f"nfe {drawn['nfe']}", *told])


def test_what_changes_something_is_told(evaluated: Evaluated):
    """Also of the sampling by which a checkpoint was chosen."""
    changed = {"sampler.clip": True, "sampler.guidance": 0.0, "sampler.guide": "a/b", "sampler.guide_digest": "f" * 64}
    chosen = {"score": "w1", "sampler": "euler", "sampler.churn": 0.0, "sampler.steps": 4}
    (evaluation,) = read_evaluations({"evaluations": [evaluated({}, sampling={**changed, "chosen_by": chosen})]})
    sheet = evaluation_sheet([evaluation], "")
    assert dict(zip(sheet.columns, *sheet.rows, strict=True)) == {
        "evaluation": "toy", "step": "500", "draws": "10", "samples": "1,024",
        "settings": "clip true, guidance 0, guide a/b, guide_digest ffffffffff",
        "chosen_by": "score w1, sampler euler, steps 4",
    }  # fmt: skip


def test_samplings_are_columns(evaluated: Evaluated):
    """Whatever a sampler says of itself."""
    steps = {"weights": "ema:0.999", "sampler": "ddim", "nfe": 50, "eta": 0.0}
    entries = [evaluated({"w1": score(0.051)}), evaluated({}, sampling=steps, n_generated=512, draws=3, at_step=7)]
    sheet = evaluation_sheet(read_evaluations({"evaluations": entries}), "w1")
    assert [dict(zip(sheet.columns, row, strict=True)) for row in sheet.rows] == [
        {
            "evaluation": "toy", "step": "500", "weights": "ema", "checkpoint": "last", "sampler": "direct",
            "nfe": "1", "eta": "-", "draws": "10", "samples": "1,024", "w1": "0.051 [0.048, 0.054]",
        },
        {
            "evaluation": "toy", "step": "7", "weights": "ema:0.999", "checkpoint": "-", "sampler": "ddim",
            "nfe": "50", "eta": "0", "draws": "3", "samples": "512", "w1": "-",
        },
    ]  # fmt: skip


def test_a_terminal_shows_brackets_as_they_are(evaluated: Evaluated):
    (evaluation,) = read_evaluations({"evaluations": [evaluated({"w1": score(0.051)})]})
    assert "[0.048, 0.054]" in printed(score_sheet(evaluation))
    assert "[red]x[/red]" in printed(Sheet("", ("[red]x[/red]",), [("[/]",)]))


def test_print_card_says_what_a_floor_is(make_run: MakeRun, capsys: pytest.CaptureFixture[str]):
    print_card(make_run("a").card())
    out = capsys.readouterr().out
    assert "0.051" in out and "direct" in out
    assert "never merit" in out
    print_card(make_run("b", evaluations=[]).card())
    assert capsys.readouterr().out == ""


def test_markdown_cells_cannot_break_out():
    text = markdown(Sheet("", ("a",), [("x | y <script>\nz [a](b) `c`",)]))
    assert text.splitlines()[-1] == r"| x \| y &lt;script&gt; z [a]\(b) \`c\` |"


def test_csv_reads_back():
    rows = [("a,b", 1.5, None), ('q"', "x\ny", 0)]
    assert list(csv.reader(io.StringIO(csv_text(("n", "v", "w"), rows)))) == [
        ["n", "v", "w"], ["a,b", "1.5", ""], ['q"', "x\ny", "0"],
    ]  # fmt: skip


@pytest.mark.parametrize("width", [10, 30, 60, 1000])
def test_fitting_loses_no_column(width: int):
    sheet = Sheet("t", ("run", *"abcdef"), [("r" * 8, *("x" * 9 for _ in "abcdef"))], caption="c")
    pieces = fitting(sheet, width)
    assert [column for piece in pieces for column in piece.columns[1:]] == list("abcdef")
    assert all(piece.columns[0] == "run" for piece in pieces)
    assert pieces[0].title == "t"
    assert pieces[-1].caption == "c"
