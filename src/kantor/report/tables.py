"""Tables as data: rows of plain dataclasses, a sheet of strings, and the sheet on a terminal, in Markdown, as CSV."""

import csv
import html
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kantor.report import units
from kantor.report.cards import FLOOR_NOTE, Evaluation, Score, read_evaluations

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

PIPE_WIDTH = 1000  # columns when the output is no terminal, so that grep sees whole rows


@dataclass(frozen=True)
class ScoreRow:
    """One score, ready to print."""

    name: str
    meaning: str
    value: str
    interval: str
    covers: str
    floor: str
    floor_n: str
    goal: str
    reading: str
    at_floor: bool


@dataclass(frozen=True)
class Sheet:
    """A table of strings. `numeric` names the columns that are aligned right."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    numeric: frozenset[str] = field(default_factory=frozenset)
    caption: str = ""


def floor_text(score: Score) -> str:
    """`0.025 [0.024, 0.026] (n = 1,024)`, or a dash."""
    if score.floor is None or score.floor.value is None:
        return units.MISSING
    return score.floor.text + ("" if score.floor.n is None else f" (n = {units.count(score.floor.n)})")


def score_rows(evaluation: Evaluation) -> list[ScoreRow]:
    """The rows of an evaluation's score table, in the card's order."""
    return [
        ScoreRow(
            name=score.name,
            meaning=score.meaning,
            value=score.value_text,
            interval=score.interval_text,
            covers=score.covers if score.has_interval else "",
            floor=units.MISSING if score.floor is None else score.floor.text,
            floor_n="" if score.floor is None or score.floor.n is None else units.count(score.floor.n),
            goal=score.goal,
            reading=score.reading,
            at_floor=score.at_floor and score.better != "none",
        )
        for score in evaluation.scores.values()
    ]


def score_sheet(evaluation: Evaluation) -> Sheet:
    """An evaluation's score table."""
    columns = ("score", "value", "95% interval", "covers", "floor", "goal", "reading")
    rows = [
        (row.name, row.value, row.interval, row.covers or units.MISSING, floor_text(score), row.goal, row.reading)
        for row, score in zip(score_rows(evaluation), evaluation.scores.values(), strict=True)
    ]
    weights = evaluation.sampling.get("weights")
    title = f"{evaluation.name} at step {units.count(evaluation.at_step)}"
    title += f", {weights} weights" if weights else ""
    caption = f"protocol {evaluation.protocol_hash[:10]}"
    return Sheet(title, columns, rows, frozenset({"value", "95% interval", "floor"}), caption)


def fitting(sheet: Sheet, width: int, keep: int = 1) -> list[Sheet]:
    """The sheet in pieces of at most `width` characters where possible; the first `keep` columns stand in each."""
    columns = list(zip(sheet.columns, *sheet.rows, strict=True))
    widths = [max(map(len, column)) + 3 for column in columns]
    pieces: list[list[int]] = []
    for index in range(keep, len(columns)):
        if not pieces or sum(widths[i] for i in pieces[-1]) + widths[index] > width:
            pieces.append(list(range(keep)))
        pieces[-1].append(index)
    return [
        Sheet(
            sheet.title if piece is pieces[0] else "",
            [sheet.columns[i] for i in piece],
            [[row[i] for i in piece] for row in sheet.rows],
            sheet.numeric,
            sheet.caption if piece is pieces[-1] else "",
        )
        for piece in pieces
    ]


def terminal(sheet: Sheet) -> "Table":
    """The sheet as a rich table; cells are text, never markup."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=Text(sheet.title) if sheet.title else None,
        caption=Text(sheet.caption) if sheet.caption else None,
        box=box.SIMPLE_HEAD,
        title_justify="left",
        caption_justify="left",
        pad_edge=False,
    )
    for column in sheet.columns:
        table.add_column(Text(column), justify="right" if column in sheet.numeric else "left", overflow="fold")
    for row in sheet.rows:
        table.add_row(*(Text(cell) for cell in row))
    return table


def console() -> "Console":
    """A console for tables: as wide as the terminal, or wide enough for anything when piped."""
    import sys

    from rich.console import Console

    return Console(highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)


def opinion_sheets(card: dict[str, Any]) -> list[Sheet]:
    """Of a card of somebody's pictures, what torch-fidelity says of them beside kantor's scores, to seven digits."""
    opinion = card.get("torch_fidelity")
    if opinion is None:
        return []
    (evaluation,) = card["evaluations"]
    rows = []
    for name, theirs in opinion["scores"].items():
        ours = evaluation["scores"][name]["value"]
        rows.append([name, f"{ours:.7g}", f"{theirs:.7g}", f"{theirs - ours:.1g}"])
    return [
        Sheet(
            title=f"torch-fidelity {opinion['version']} on the same pictures and weights",
            columns=("score", "kantor", "torch-fidelity", "difference"),
            rows=rows,
            numeric=frozenset({"kantor", "torch-fidelity", "difference"}),
            caption=opinion["note"],
        )
    ]


def print_card(card: dict[str, Any]) -> None:
    """The score tables of a card on the terminal, and why a score is missing."""
    out = console()
    evaluations = read_evaluations(card)
    for evaluation in evaluations:
        for piece in fitting(score_sheet(evaluation), out.width):
            out.print(terminal(piece))
    if any(score.floor is not None for evaluation in evaluations for score in evaluation.scores.values()):
        out.print(FLOOR_NOTE, markup=False)
    for sheet in opinion_sheets(card):
        out.print(terminal(sheet))


def markdown(sheet: Sheet) -> str:
    """The sheet as a Markdown table; cells cannot break out of it."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(markdown_text(cell) for cell in cells) + " |"

    rule = ["---:" if column in sheet.numeric else "---" for column in sheet.columns]
    lines = [line(sheet.columns), "| " + " | ".join(rule) + " |", *(line(row) for row in sheet.rows)]
    title = [f"**{markdown_text(sheet.title)}**", ""] if sheet.title else []
    caption = ["", markdown_text(sheet.caption)] if sheet.caption else []
    return "\n".join([*title, *lines, *caption]) + "\n"


def markdown_text(text: str) -> str:
    """Text that Markdown shows as it is: no HTML, no cell borders, no new lines, no links or images, no emphasis."""
    text = html.escape(" ".join(text.split()), quote=False)
    for mark in "\\|`*":
        text = text.replace(mark, "\\" + mark)
    return text.replace("](", "]\\(")


def csv_text(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Rows as CSV, None as an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()
