"""Names of anybody's steer no terminal, and lead no reader astray."""

import csv
import io
import json

import pytest
from hostile_runs import ESCAPES
from run_files import CARD, EVALUATION, SCORE, hashed, write_files

from kantor.atomic import write_json
from kantor.cli import main as cli
from kantor.report.compare import compare
from kantor.report.page import report_html
from kantor.report.tables import Sheet, csv_text, markdown
from kantor.runs.door import read_json
from kantor.visible import visible, visible_lines

LETTERS = ["\x1b", "\x07", "\x9b", "\x00", "\x7f", "\u202e", "\u2066", "\u200b", "\ud800", "\U000e0041"]


@pytest.mark.parametrize("letter", LETTERS)
def test_what_is_not_printed_is_spelled_out(letter):
    shown = visible(f"a{letter}b")
    assert shown.isprintable() and shown.startswith("a\\") and shown.endswith("b")
    assert shown.encode("utf-8")


@pytest.mark.parametrize("text", ["größe × σ² → 0.5", "日本語", "a  b", "", "ελ/√2"])
def test_what_is_printed_stays(text):
    assert visible(text) == text


def test_lines_stay_where_there_may_be_some():
    assert visible("a\nb\tc") == "a b c"
    assert visible_lines("a\nb\x1b") == "a\nb\\x1b"


def test_tables_hold_visible_text_in_every_form():
    sheet = Sheet(ESCAPES, [ESCAPES, "b"], [[ESCAPES, "1"]], frozenset({ESCAPES}), ESCAPES)
    written = markdown(sheet) + csv_text([ESCAPES], [[ESCAPES]])
    assert all(letter.isprintable() or letter == "\n" for letter in written)
    assert "---:" in markdown(sheet)  # a column is numeric under its visible name


def test_no_cell_of_a_csv_file_is_a_formula():
    cells = ["=1+1", "+cmd", "-x", "@x", "-1.5", "+2e3", "a=b", None, -3]
    (row,) = csv.reader(io.StringIO(csv_text(["c"], [cells]).partition("\n")[2]))
    assert row == ["'=1+1", "'+cmd", "'-x", "'@x", "-1.5", "+2e3", "a=b", "", "-3"]


@pytest.fixture
def loud(tmp_path, monkeypatch):
    """A run whose names and texts are all escape sequences, in a directory that is called so too."""
    monkeypatch.chdir(tmp_path)
    run = write_files(tmp_path / f"loud {ESCAPES.replace('/', '')}", reason=ESCAPES, state="failed")
    (tmp_path / f"loud {ESCAPES}").joinpath("samples").mkdir()
    scores = {ESCAPES: {**SCORE, "meaning": ESCAPES, "reason": ESCAPES}}
    said = {"sampler": ESCAPES, "weights": "ema", "checkpoint": "last", "nfe": 1, ESCAPES: ESCAPES}
    protocol = {"data": {ESCAPES: ESCAPES}}
    evaluation = hashed({**EVALUATION, "scores": scores, "sampling": said, "protocol": protocol})
    write_json(run.card_json, {**CARD, "experiment": ESCAPES, "evaluations": [evaluation], "budget": {ESCAPES: 3}})
    write_json(run.path / "health.json", {"findings": [{"step": 1, "check": "a", "message": ESCAPES}]})
    written = run.metrics_csv.read_text().replace("val/w1", f"val/{ESCAPES}".replace("\r", ""))
    run.metrics_csv.write_text(written)
    return run


def test_no_command_prints_them(loud, capsys):
    for words in (["status", "."], ["why", str(loud.path)], ["compare", "loud*"], ["sample", f"run={loud.path}x"]):
        assert cli.main(words) in (0, 2)
    printed = capsys.readouterr()
    assert "\\x1b" in printed.out
    assert all(letter.isprintable() or letter == "\n" for letter in printed.out + printed.err)


def test_no_page_and_no_table_has_them(loud, tmp_path):
    out, told = tmp_path / "compared", report_html(loud)
    loud.status_json.unlink()  # as somebody's card, which nothing contradicts
    compare([loud], out)
    texts = [path.read_text() for path in out.rglob("*") if path.suffix in (".html", ".md", ".csv", ".tex", ".svg")]
    assert len(texts) >= 5
    for text in [*texts, told]:
        assert all(letter.isprintable() or letter in "\n\xa0" for letter in text)


def test_json_of_a_run_is_made_visible_and_its_settings_are_not(loud):
    assert json.dumps(loud.card()).isascii() and "\\u001b" not in json.dumps(loud.card())
    assert loud.card()["experiment"] == visible(ESCAPES)


def test_a_name_that_is_no_utf_8_can_be_written_down(tmp_path):
    write_json(tmp_path / "x.json", {"command": ["kantor", "\udcff"]})
    assert read_json(tmp_path / "x.json") == {"command": ["kantor", "\\udcff"]}
