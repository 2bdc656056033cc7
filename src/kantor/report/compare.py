"""`kantor compare`: a comparison on the terminal, and as a page, Markdown, CSV, LaTeX and figures.

comparison = compare([RunDirectory.open("outputs/a/…"), RunDirectory.open("outputs/b/…")], out=Path("comparison"))
print_comparison(comparison)
"""

import contextlib
import gc
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from kantor.atomic import write_bytes
from kantor.causes import placing
from kantor.errors import UserError
from kantor.figure_style import own_style
from kantor.marks import claim
from kantor.report.comparison import Comparison, compared
from kantor.report.comparison_figures import curve_drawings, score_drawings, tuning_drawings
from kantor.report.comparison_latex import to_latex
from kantor.report.comparison_page import to_html
from kantor.report.comparison_tables import pairs_csv, sheets, to_csv, to_markdown
from kantor.report.drawing import as_file, settle
from kantor.report.tables import console, page_width, terminal
from kantor.runs.directory import RunDirectory
from kantor.visible import visible

LONGEST = 100
"""Letters of a figure's file."""


@contextlib.contextmanager
def collecting_later() -> Iterator[None]:
    """Without the search for cycles, which goes through all that was read again and again while figures are drawn: it
    takes a third of the time, for the few megabytes that figures leave behind."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


@collecting_later()
def compare(runs: Sequence[RunDirectory], out: Path | None = None, score: str | None = None) -> Comparison:
    """Compare the methods of runs under the protocols that these share, and write the results when `out` is given.

    Args:
        runs: those that differ in their seed only are one method.
        out: a directory.
        score: to rank by, instead of the runs' primary score.

    Raises:
        UserError: no run has scores, they share no protocol, or not the score, or `out` is a file or cannot be written
            to; nothing is written then.
    """
    if out is not None and out.exists() and not out.is_dir():
        raise UserError(f"out={out} is a file: name a directory, out=DIR")
    comparison = compared(runs, score)
    if out is not None:
        write(comparison, out)
    return comparison


@own_style()
def write(comparison: Comparison, out: Path) -> None:
    """compare.html, .md, .csv and .tex, pairs.csv, and figures/*.svg and *.pdf in `out`; nothing when one of them
    cannot be made.

    Raises:
        UserError: `out` is a file or cannot be written to.
    """
    scores, curves = [score_drawings(comparison, one) for one in comparison.rounds], curve_drawings(comparison)
    tuning = tuning_drawings(comparison)
    drawings = [*(each for one in scores for each in one), *curves, *tuning]
    for drawing in drawings:
        settle(drawing.figure)
    texts = {
        "compare.md": to_markdown(comparison),
        "compare.csv": to_csv(comparison),
        "compare.tex": to_latex(comparison),
        "pairs.csv": pairs_csv(comparison),
        "compare.html": to_html(
            comparison, out, scores, curves, tuning
        ),  # last: who sees it takes the others to be there
    }
    files = {}
    for drawing in drawings:
        name = re.sub(r"[^\w.-]+", "-", drawing.name)[:LONGEST]
        files[f"figures/{name}.svg"] = drawing.svg.encode()
        files[f"figures/{name}.pdf"] = as_file(drawing.figure, drawing.name, "pdf")
    files |= {name: text.encode() for name, text in texts.items()}
    with placing(f"out={out}", "name a directory, out=DIR"):
        claim(out)
        for name, content in files.items():
            write_bytes(out / name, content)


def print_comparison(comparison: Comparison) -> None:
    """Tables, verdict and notes on the terminal."""
    out = console()
    for sheet in sheets(comparison, page_width(out)):
        out.print(terminal(sheet))
    for sentence in [*comparison.verdict, "", *(f"- {note}" for note in comparison.notes)]:
        out.print(visible(sentence), markup=False)
