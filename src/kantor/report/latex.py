r"""Sheets as LaTeX: booktabs tables for a paper's `\input`, at most `WIDEST` columns each.

A document needs `\usepackage{booktabs}`; what is printed is ASCII and these macros of plain LaTeX only, so that every
engine sets it.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace

from kantor.report.tables import Sheet

WIDEST = 7
SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"$<$", ">": r"$>$", "|": r"$|$", '"': "''",
    "±": r"$\pm$", "×": r"$\times$", "·": r"$\cdot$", "…": r"\dots{}", "–": "--", "’": "'", "‖": r"$\|$",
    "ε": r"$\varepsilon$", "σ": r"$\sigma$", "μ": r"$\mu$", "λ": r"$\lambda$", "√": r"$\surd$", "≤": r"$\leq$",
    "≥": r"$\geq$", "→": r"$\to$", "²": r"$^2$", "³": r"$^3$", "½": r"$\frac12$",
}  # fmt: skip
ACCENTS = {
    "\u0300": r"\`", "\u0301": r"\'", "\u0302": r"\^", "\u0303": r"\~", "\u0308": r"\"",
    "\u030c": r"\v", "\u0327": r"\c",
}  # fmt: skip


def escaped(text: str) -> str:
    r"""Text as LaTeX prints it: no command, no comment, no cell border; accents as macros, other letters as `?`."""
    return "".join(_letter(letter) for letter in unicodedata.normalize("NFC", " ".join(text.split())))


def _letter(letter: str) -> str:
    if letter in SPECIAL:
        return SPECIAL[letter]
    if letter.isascii():
        return letter if letter.isprintable() else "?"
    parts = unicodedata.normalize("NFD", letter)
    if len(parts) == 2 and parts[0].isascii() and parts[1] in ACCENTS:
        return f"{ACCENTS[parts[1]]}{{{parts[0]}}}"
    return "?"


def table(sheet: Sheet, label: str) -> str:
    r"""One `table` with a `tabular` of booktabs rules; a negative number has its minus sign.

    Args:
        sheet: at most `WIDEST` columns.
        label: of the table, letters, digits, "-" and ":" only.
    """
    aligned = "".join("r" if column in sheet.numeric else "l" for column in sheet.columns)
    caption = ". ".join(part for part in (sheet.title, sheet.caption) if part)
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{escaped(caption)}.}}",
            rf"\label{{{label}}}",
            rf"\begin{{tabular}}{{@{{}}{aligned}@{{}}}}",
            r"\toprule",
            row(sheet.columns),
            r"\midrule",
            *map(row, sheet.rows),
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def row(cells: Sequence[str]) -> str:
    """Cells of a tabular; brackets that begin one are no argument of the line before."""
    return (
        " & ".join(re.sub(r"(^|[ \[])-(?=\d)", r"\1$-$", escaped(text)) for text in cells).replace("[", "{[}") + r" \\"
    )


def narrow(sheet: Sheet, keep: int = 1) -> list[Sheet]:
    """The sheet in pieces of at most `WIDEST` columns; the first `keep` stand in each."""
    rest = list(range(keep, len(sheet.columns)))
    step = WIDEST - keep
    pieces = [rest[start : start + step] for start in range(0, len(rest), step)]
    return [
        replace(
            sheet,
            columns=[sheet.columns[i] for i in [*range(keep), *piece]],
            rows=[[cells[i] for i in [*range(keep), *piece]] for cells in sheet.rows],
            title=sheet.title + (f", part {place} of {len(pieces)}" if len(pieces) > 1 else ""),
        )
        for place, piece in enumerate(pieces, 1)
    ]
