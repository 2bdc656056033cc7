import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console

from kantor.report.cards import read_evaluations
from kantor.report.tables import Sheet, csv_text, fitting, markdown, print_card, score_rows, score_sheet, terminal

Make = Callable[..., dict[str, Any]]


def printed(sheet: Sheet) -> str:
    console = Console(file=io.StringIO(), width=200)
    console.print(terminal(sheet))
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_rows_of_a_card(card_score: Make, card_evaluation: Make):
    scores = {"w1": card_score(0.051), "nll": {"value": None, "reason": "none here", "better": "lower"}}
    w1, nll = score_rows(read_evaluations({"evaluations": [card_evaluation(scores)]})[0])
    assert (w1.value, w1.interval, w1.covers, w1.goal) == ("0.051", "[0.048, 0.054]", "draws", "lower is better")
    assert (w1.floor, w1.floor_n, w1.at_floor) == ("0.0250 [0.0240, 0.0260]", "1,024", False)
    assert (nll.value, nll.reading) == ("-", "not computed: none here")


def test_a_terminal_shows_brackets_as_they_are(card_score: Make, card_evaluation: Make):
    evaluation = read_evaluations({"evaluations": [card_evaluation({"w1": card_score(0.051)})]})[0]
    assert "[0.048, 0.054]" in printed(score_sheet(evaluation))
    assert "[red]x[/red]" in printed(Sheet("", ("[red]x[/red]",), [("[/]",)]))


def test_print_card_says_what_a_floor_is(card_score: Make, card_evaluation: Make, capsys: pytest.CaptureFixture[str]):
    print_card({"evaluations": [card_evaluation({"w1": card_score(0.051)})]})
    out = capsys.readouterr().out
    assert "0.051" in out
    assert "no lower bound" in out


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
