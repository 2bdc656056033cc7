"""LaTeX that every engine sets: checked by a strict reader of the few things that kantor writes."""

import re
from collections.abc import Callable

import pytest
from report_runs import Family, edit, score

from kantor.report.compare import compare
from kantor.report.comparison_latex import to_latex
from kantor.report.latex import WIDEST, escaped, narrow, table
from kantor.report.tables import Sheet
from kantor.runs.directory import RunDirectory

EVIL = r"50% of $x_1$ & #2 {a} \input{/etc/passwd} ~ ^ é ‖x‖ 漢 [0.1, 0.2] | <b> “q”"
COMMANDS = {
    *("begin", "end", "centering", "caption", "label", "toprule", "midrule", "bottomrule", "v", "c"),
    *("textbackslash", "textasciicircum", "textasciitilde", "pm", "times", "cdot", "dots", "varepsilon", "sigma"),
    *("mu", "lambda", "surd", "leq", "geq", "to", "frac"),
}


@pytest.fixture
def family(every_family: dict[str, Family]) -> Family:
    """One is enough: tables are of scores."""
    return every_family["adversarial"]


def check(text: str) -> None:
    """Environments nest, braces and dollars pair, every row has its tabular's cells, every command is known."""
    assert text.isascii()
    body = "\n".join(line for line in text.splitlines() if not line.startswith("%"))
    assert "%" not in body.replace(r"\%", "")
    assert {name for name in re.findall(r"\\([A-Za-z]+)", body)} <= COMMANDS
    stack = []
    for kind, name in re.findall(r"\\(begin|end)\{(\w+)\}", body):
        if kind == "begin":
            stack.append(name)
        else:
            assert stack.pop() == name
    assert stack == []
    bare = re.sub(r"\\[\\{}$&#%_|`'^~\"]", "", body)
    assert bare.count("{") == bare.count("}") and bare.count("$") % 2 == 0
    assert "#" not in bare and "_" not in bare and "~" not in bare
    for spec, inside in re.findall(r"\\begin\{tabular\}\{@\{\}([lr]+)@\{\}\}(.*?)\\end\{tabular\}", body, re.DOTALL):
        rows = [line for line in inside.strip().splitlines() if not re.fullmatch(r"\\(top|mid|bottom)rule", line)]
        assert len(spec) <= WIDEST
        for row in rows:
            assert row.endswith(r" \\") and not row.startswith("[")
            assert len(re.findall(r"(?<!\\)&", row)) == len(spec) - 1


def test_anything_is_text():
    check(table(Sheet(EVIL, ("a", EVIL), [(EVIL, "-0.5 [-0.6, -0.4]")], frozenset({EVIL}), EVIL), "tab:x"))
    assert escaped(r"\a_b 5%") == r"\textbackslash{}a\_b 5\%"
    assert escaped("é ñ č ş") == r"\'{e} \~{n} \v{c} \c{s}"


def test_minus_signs_are_minus_signs_and_brackets_no_arguments():
    text = table(Sheet("", ("a", "b"), [("[1, 2]", "-0.5 [-0.6, -0.4]")]), "tab:x")
    assert r"{[}1, 2] & $-$0.5 {[}$-$0.6, $-$0.4] \\" in text


def test_wide_sheets_are_cut_into_tables_that_keep_their_first_columns():
    sheet = Sheet("t", [f"c{i}" for i in range(16)], [[str(i) for i in range(16)]])
    pieces = narrow(sheet, 2)
    assert all(len(piece.columns) <= WIDEST and piece.columns[:2] == ("c0", "c1") for piece in pieces)
    assert [column for piece in pieces for column in piece.columns[2:]] == [f"c{i}" for i in range(2, 16)]


@pytest.mark.parametrize("methods", [1, 3, 9])
def test_a_comparison_in_latex(make_run: Callable[..., RunDirectory], methods: int):
    scores = {"w1": score(0.1), "within_3_sigma": score(0.9, better="target", target=0.9889)}
    runs = [
        make_run(f"{i}-{seed}", config_hash=f"{i:064x}", seed=seed, scores=scores)
        for i in range(methods)
        for seed in (0, 1)
    ]
    for place, run in enumerate(runs):
        edit(run.card_json, experiment=f"m_{place // 2} & 100%")
        run.status_json.unlink()  # no run, but somebody's card, which no other file speaks of
    text = to_latex(compare(runs))
    check(text)
    assert text.count(r"\toprule") >= (3 if methods > 1 else 2)
    labels = re.findall(r"\\label\{(.*?)\}", text)
    assert len(set(labels)) == len(labels)
