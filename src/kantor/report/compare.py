"""`kantor compare`: a comparison on the terminal, and as compare.html, compare.md and compare.csv.

comparison = compare([RunDirectory.open("outputs/a/…"), RunDirectory.open("outputs/b/…")], out=Path("comparison"))
print_comparison(comparison)
"""

from collections.abc import Sequence
from pathlib import Path

from kantor.atomic import write_text
from kantor.errors import UserError
from kantor.marks import claim
from kantor.report.comparison import Comparison, compared
from kantor.report.comparison_page import to_html
from kantor.report.comparison_tables import sheets, to_csv, to_markdown
from kantor.report.tables import console, terminal
from kantor.runs.directory import RunDirectory


def compare(runs: Sequence[RunDirectory], out: Path | None = None) -> Comparison:
    """Compare runs under the protocols that all of them share, and write the results when `out` is given.

    Raises:
        UserError: fewer than two runs, a run without scores, no shared protocol, or `out` is a file or cannot be
            written to; nothing is written then.
    """
    comparison = compared(runs)
    if out is not None:
        write(comparison, out)
    return comparison


def write(comparison: Comparison, out: Path) -> None:
    """compare.html, compare.md and compare.csv in `out`; nothing when one of them cannot be made.

    Raises:
        UserError: `out` is a file or cannot be written to.
    """
    texts = {
        "compare.html": to_html(comparison, out),
        "compare.md": to_markdown(comparison),
        "compare.csv": to_csv(comparison),
    }
    try:
        claim(out)
        for name, text in texts.items():
            write_text(out / name, text)
    except OSError as error:
        raise UserError(f"out={out}: cannot write there ({error.strerror}): name a directory, out=DIR") from error


def print_comparison(comparison: Comparison) -> None:
    """Tables, verdict and notes on the terminal."""
    out = console()
    for sheet in sheets(comparison, out.width):
        out.print(terminal(sheet))
    for sentence in [*comparison.verdict, "", *(f"- {note}" for note in comparison.notes)]:
        out.print(sentence, markup=False)
