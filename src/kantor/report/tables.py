"""Tables as data: a sheet of strings, and the sheet on a terminal, in Markdown, as CSV."""

import contextlib
import csv
import html
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kantor.report import sampling, units
from kantor.report.cards import FLOOR_NOTE, Evaluation, read_evaluations
from kantor.report.readings import readings
from kantor.visible import visible, visible_lines

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

PIPE_WIDTH = 1000  # columns when the output is no terminal, so that grep sees whole rows
PAGE_WIDTH = 118  # of one table there: what is wider goes on below
REAL = "what real data score"


@dataclass(frozen=True)
class Sheet:
    """A table of visible strings, each in one line but the caption. `numeric` names the columns that are aligned
    right."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    numeric: frozenset[str] = field(default_factory=frozenset)
    caption: str = ""

    def __post_init__(self) -> None:
        for name, shown in (
            ("title", visible(self.title)),
            ("columns", tuple(map(visible, self.columns))),
            ("rows", [tuple(map(visible, row)) for row in self.rows]),
            ("numeric", frozenset(map(visible, self.numeric))),
            ("caption", visible_lines(self.caption)),
        ):
            object.__setattr__(self, name, shown)


def evaluation_sheet(evaluations: Sequence[Evaluation], primary: str) -> Sheet:
    """One row per evaluation: who was measured, with which weights and sampler, by how many samples; the primary score.

    Args:
        evaluations: of one run.
        primary: a score's name; empty for none.
    """
    of_sampling = sampling.columns([one.sampling for one in evaluations])
    columns = ("evaluation", "step", *of_sampling, "draws", "samples", *([primary] if primary else []))
    rows = [
        (
            one.name,
            units.count(one.at_step),
            *sampling.cells(one.sampling, of_sampling),
            units.count(one.draw.get("draws")),
            units.count(one.protocol.get("n_generated")),
            *([one.scores[primary].text if primary in one.scores else units.MISSING] if primary else []),
        )
        for one in evaluations
    ]
    return Sheet("", columns, rows, frozenset({"step", "nfe", "draws", "samples", primary}))


def cell(value: object) -> str:
    """A value in one line, or a dash."""
    return units.MISSING if value is None else units.plain(value)


def score_sheet(evaluation: Evaluation) -> Sheet:
    """An evaluation's score table, in the card's order."""
    columns = ("score", "value", "95% interval", "covers", REAL, "goal", "reading")
    said = readings(evaluation)
    rows = [
        (
            score.name,
            score.value_text,
            score.interval_text,
            (score.covers if score.has_interval else "") or units.MISSING,
            score.floor_text,
            score.goal,
            said[score.name],
        )
        for score in evaluation.scores.values()
    ]
    caption = f"protocol {evaluation.protocol_hash[:10]}"
    return Sheet(evaluation.title, columns, rows, frozenset({"value", "95% interval", REAL}), caption)


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


def page_width(out: "Console") -> int:
    """Columns that a table may take: those of the terminal, or of a page where there is none."""
    return PAGE_WIDTH if out.width == PIPE_WIDTH else out.width


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
    """The tables of a card on the terminal: its evaluations, their scores, and why a score is missing."""
    evaluations = read_evaluations(card)
    if not evaluations:
        return
    print_sheets([evaluation_sheet(evaluations, ""), *map(score_sheet, evaluations)])
    out = console()
    if any(score.floor is not None for evaluation in evaluations for score in evaluation.scores.values()):
        out.print(FLOOR_NOTE, markup=False)
    for sheet in opinion_sheets(card):
        out.print(terminal(sheet))


def print_sheets(sheets: Sequence[Sheet]) -> None:
    """Tables on the terminal, in pieces where they are too wide for it."""
    out = console()
    for sheet in sheets:
        for piece in fitting(sheet, page_width(out)):
            out.print(terminal(piece))


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
    text = html.escape(visible(" ".join(text.split())), quote=False)
    for mark in "\\|`*":
        text = text.replace(mark, "\\" + mark)
    return text.replace("](", "]\\(")


def csv_text(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Rows as CSV, None as an empty cell; before a text that a spreadsheet would take for a formula an apostrophe."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(map(_csv_cell, columns))
    writer.writerows(map(_csv_cell, row) for row in rows)
    return text.getvalue()


def _csv_cell(value: object) -> object:
    if not isinstance(value, str):
        return value
    shown = visible_lines(value)
    return f"'{shown}" if shown.startswith(("=", "+", "-", "@")) and not _is_number(shown) else shown


def _is_number(text: str) -> bool:
    with contextlib.suppress(ValueError):
        float(text)
        return True
    return False
