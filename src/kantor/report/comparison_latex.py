r"""compare.tex: the tables of a comparison for `\input` in a paper that has `\usepackage{booktabs}`."""

from kantor.report.comparison import Comparison
from kantor.report.comparison_tables import method_sheet, pair_sheets, score_sheet
from kantor.report.latex import escaped, narrow, table

HEAD = r"""% Tables of a comparison by kantor. In the preamble: \usepackage{booktabs}; in the text: \input{compare}
% A table that is wider than the page fits by \small or by \resizebox{\linewidth}{!}{...} around its tabular.
"""


def to_latex(comparison: Comparison) -> str:
    """Verdict as comments, then the tables of methods, scores and pairs."""
    sheets = [
        ("methods", method_sheet(comparison), 2),
        *((f"scores-{place}", score_sheet(comparison, one), 1) for place, one in enumerate(comparison.rounds, 1)),
        *(("pairs", sheet, 2) for sheet in pair_sheets(comparison)),
    ]
    tables = [
        table(piece, f"tab:compare-{name}" + (f"-{part}" if part > 1 else ""))
        for name, sheet, keep in sheets
        for part, piece in enumerate(narrow(sheet, keep), 1)
    ]
    said = [f"% {escaped(sentence)}" for sentence in comparison.verdict]
    return HEAD + "\n".join([*said, "", *tables])
