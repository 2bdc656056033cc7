"""digests.csv as a file: rows in order, a torn one is none, and what is no digest is named."""

import pytest

from kantor.errors import UserError
from kantor.runs.digest_rows import DigestRow, append_digests, read_digests
from kantor.runs.directory import RunDirectory

ROWS = [DigestRow(steps, *(f"{steps:064x}",) * 3) for steps in (10, 20, 27, 30)]


@pytest.fixture
def run(tmp_path):
    directory = RunDirectory(tmp_path)
    for row in ROWS:
        append_digests(directory.digests_csv, row)
    return directory


def test_what_is_added_is_read(run, tmp_path):
    assert run.digest_rows() == ROWS and read_digests(tmp_path / "none") == []


def test_a_torn_row_is_none(run):
    with run.digests_csv.open("a") as file:
        file.write("40,0123")
    assert run.digest_rows() == ROWS


def test_a_resumed_run_keeps_the_rows_of_its_checkpoints_up_to_its_step(run):
    """27: a signal had asked for it; a run that nobody stopped has no such row."""
    run.cut_digests(29, 10)
    assert run.digest_rows() == ROWS[:2]
    run.cut_digests(9, 10)
    assert run.digest_rows() == [] and not run.digests_csv.exists()


@pytest.mark.parametrize(
    "line", ["30," + ",".join(["0" * 64] * 3), "x,a,b,c", "40,a,b,c", "40," + "0" * 64, "-1,a,b,c", '40,"', ""]
)
def test_what_is_no_row_is_named(run, line):
    with run.digests_csv.open("a") as file:
        file.write(line + "\n")
    with pytest.raises(UserError, match=r"digests\.csv is damaged \(line 6"):
        run.digest_rows()
