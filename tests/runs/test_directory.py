import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from run_files import CARD, CONFIG, EVALUATION, begun

from kantor.atomic import append_rows, replacing, write_json, write_text
from kantor.errors import Held, UserError
from kantor.runs import directory as rundir
from kantor.runs.directory import LAYOUT, RunDirectory
from kantor.runs.door import read_json


def names(path):
    return sorted(entry.name for entry in path.iterdir())


@pytest.fixture
def run(tmp_path):
    return begun(tmp_path / "run")


# Files are written whole or not at all


def test_a_file_is_replaced_by_the_new_one_and_nothing_is_left_beside_it(tmp_path):
    path = tmp_path / "deep" / "er" / "a.txt"
    write_text(path, "one")
    write_text(path, "zwei: ü")
    assert path.read_bytes() == "zwei: ü".encode()
    assert names(path.parent) == ["a.txt"]


def test_a_writer_that_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(RuntimeError, match="halfway"), replacing(path) as file:
        file.write(b"half of the n")
        raise RuntimeError("halfway")
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_a_writer_that_fails_the_first_time_leaves_no_file(tmp_path):
    with pytest.raises(RuntimeError), replacing(tmp_path / "a.txt") as file:
        file.write(b"half")
        raise RuntimeError
    assert names(tmp_path) == []


def test_the_old_file_is_there_until_the_new_one_is_complete(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with replacing(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_text() == "old"
        assert len(names(tmp_path)) == 2  # side by side: a rename across file systems is none
    assert path.read_text() == "new"


def test_the_bytes_are_on_the_disk_before_the_rename(tmp_path, monkeypatch):
    events = []
    fsync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda handle: (events.append("fsync"), fsync(handle)))
    monkeypatch.setattr(Path, "replace", lambda self, to: (events.append("rename"), replace(self, to))[1])
    write_text(tmp_path / "a.txt", "x")
    assert events[:2] == ["fsync", "rename"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("wrap", [lambda v: v, lambda v: {"scores": [{"value": v}]}])
def test_json_has_no_nan(tmp_path, value, wrap):
    path = tmp_path / "card.json"
    write_json(path, {"old": 1})
    with pytest.raises(ValueError, match="JSON"):
        write_json(path, {"x": wrap(value)})
    assert read_json(path) == {"old": 1}
    assert names(tmp_path) == ["card.json"]


def test_json_comes_back_as_it_was(tmp_path):
    value = {"name": "Kantorowitsch ü", "numbers": [1, 0.1, 1e-300, None, True], "nested": {"b": {}, "a": []}}
    write_json(tmp_path / "x.json", value)
    assert read_json(tmp_path / "x.json") == value
    assert list(read_json(tmp_path / "x.json")) == list(value)
    assert (tmp_path / "x.json").read_text().endswith("}\n")


# metrics.csv


NAMES = ["images_seen", "steps", "critic_steps", "seconds", "train/loss"]


def rows(steps):
    return [dict(zip(NAMES, (64 * k, k, 5 * k, 0.5 * k, f"{k}.25"), strict=True)) for k in steps]


@pytest.fixture
def metrics(run):
    append_rows(run.metrics_csv, NAMES, rows([10, 20, 30, 40]), whole=True)
    return run


def test_metrics_are_columns_of_numbers_with_none_for_empty_cells(metrics):
    append_rows(metrics.metrics_csv, NAMES, [{"images_seen": 3200, "steps": 50}])
    found = metrics.metrics()
    assert list(found) == NAMES
    assert found["steps"] == [10, 20, 30, 40, 50]
    assert found["train/loss"] == [10.25, 20.25, 30.25, 40.25, None]


def test_no_file_has_no_columns(run):
    assert run.metrics() == {} and run.metric_rows() == []


def test_a_torn_last_row_is_no_row_wherever_it_is_torn(metrics):
    whole = metrics.metrics_csv.read_text()
    last = whole.rstrip("\n").rfind("\n") + 1
    for cut in range(last, len(whole)):
        metrics.metrics_csv.write_text(whole[:cut])
        assert metrics.metrics()["steps"] == [10, 20, 30], cut
    metrics.metrics_csv.write_text(whole)
    assert metrics.metrics()["steps"] == [10, 20, 30, 40]


def test_a_torn_header_is_no_file(run):
    run.metrics_csv.write_text("images_seen,gener")
    assert run.metrics() == {}


@pytest.mark.parametrize(("step", "kept"), [(25, [10, 20]), (20, [10, 20]), (19, [10]), (40, [10, 20, 30, 40])])
def test_rows_beyond_the_checkpoint_are_cut(metrics, step, kept):
    whole = metrics.metrics_csv.read_text().splitlines()
    metrics.cut_metrics(step)
    assert metrics.metrics()["steps"] == kept
    assert metrics.metrics_csv.read_text().splitlines() == whole[: len(kept) + 1]  # what stays, stays to the letter


def test_cutting_everything_leaves_no_file(metrics):
    metrics.cut_metrics(5)
    assert not metrics.metrics_csv.exists()
    metrics.cut_metrics(5)  # and without a file there is nothing to do


def test_cutting_takes_a_torn_row_out_so_that_the_next_is_whole(metrics):
    with metrics.metrics_csv.open("a") as handle:
        handle.write("3200,50,2")
    metrics.cut_metrics(40)
    append_rows(metrics.metrics_csv, NAMES, rows([50]))
    assert metrics.metrics()["steps"] == [10, 20, 30, 40, 50]


# The lock


HOLD = """
import sys, time
from kantor.runs.directory import RunDirectory
with RunDirectory(sys.argv[1]).lock():
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(run):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(run.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_a_second_process_is_kept_out_until_the_first_ends(run, holder):
    assert run.live
    with pytest.raises(Held, match="in use by another kantor process"), run.lock():
        raise AssertionError("two processes hold the run")
    holder.stdin.close()
    assert holder.wait(20) == 0
    with run.lock():
        assert run.live
    assert not run.live


def test_a_killed_process_lets_go(run, holder):
    holder.kill()
    holder.wait(20)
    assert not run.live
    with run.lock():
        pass


def test_a_run_that_nobody_ever_locked_is_not_live(run):
    assert not run.live
    assert not any("lease" in name for name in names(run.path))  # and looking leaves nothing behind


# Opening


def test_an_existing_run_opens(run):
    opened = RunDirectory.open(run.path)
    assert opened.config() == CONFIG and opened.exists


@pytest.mark.parametrize("missing", ["status.json", "config.yaml"])
def test_a_directory_without_its_files_is_no_run(run, missing):
    (run.path / missing).unlink()
    with pytest.raises(UserError, match=r"is no run: expected a directory with status\.json and config\.yaml"):
        RunDirectory.open(run.path)


def test_nothing_is_no_run(tmp_path):
    with pytest.raises(UserError, match="is no run"):
        RunDirectory.open(tmp_path / "nowhere")


@pytest.mark.parametrize("layout", [LAYOUT + 1, 0, None, "1"])
def test_another_layout_is_refused_with_the_version_that_wrote_it(tmp_path, layout):
    begun(tmp_path / "other", layout=layout)
    with pytest.raises(UserError, match=rf"has layout {layout!r}, this kantor reads layout {LAYOUT}.*9\.9\.9"):
        RunDirectory.open(tmp_path / "other")


@pytest.mark.parametrize("text", ["", "{", '{"scores": ', "[1, 2]", "null", "\udcff"])
@pytest.mark.parametrize(("name", "read"), [("card", "card"), ("status", "status"), ("environment", "environment")])
def test_a_damaged_file_is_named_with_the_remedy(run, name, read, text):
    path = run.path / f"{name}.json"
    path.write_bytes(text.encode("utf-8", errors="surrogateescape"))
    remedy = "`kantor evaluate run=" if name == "card" else "restore the file from a copy"
    with pytest.raises(UserError, match=rf"{name}\.json is damaged .*{remedy}"):
        getattr(run, read)()


def test_a_missing_card_is_named(run):
    with pytest.raises(UserError, match=r"card\.json is missing"):
        run.card()


@pytest.mark.parametrize("text", ["a: [1", "- 1\n- 2", "just text", "", "!!python/object/apply:os.getcwd []"])
def test_a_damaged_configuration_is_named(run, text):
    run.config_yaml.write_text(text)
    with pytest.raises(UserError, match=r"config\.yaml is damaged"):
        run.config()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_that_cannot_be_written_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(UserError, match="cannot write"):
        RunDirectory(tmp_path / "x").create()


def test_a_file_in_the_way_is_refused(tmp_path):
    (tmp_path / "x").write_text("")
    for path in (tmp_path / "x", tmp_path / "x" / "y"):
        with pytest.raises(UserError, match=r"cannot write there .*expected a directory to write to"):
            RunDirectory(path).create()


def test_creating_leaves_a_marked_directory(tmp_path):
    directory = RunDirectory(tmp_path / "a" / "b")
    directory.create()
    assert names(directory.path) == [".kantor"] and not directory.exists


def test_clearing_leaves_the_lease_and_the_mark_and_says_that_there_is_no_run(run):
    (run.path / "checkpoints").mkdir()
    (run.path / "checkpoints" / "last.ckpt").write_text("x")
    with run.lock():
        run.clear()
    assert names(run.path) == [".kantor", ".lease.1", ".no_run.tmp"]
    run.check_unbegun()
    run.sweep_temporaries()
    assert names(run.path) == [".kantor", ".lease.1"]
    run.check_unbegun()


@pytest.mark.parametrize("left", ["checkpoints/last.ckpt", "metrics.csv", "evaluations/standard.json", "card.json"])
def test_what_lies_beside_a_lost_status_is_not_taken_for_what_a_kill_left(run, left):
    write_text(run.path / left, "x")
    run.status_json.unlink()
    with pytest.raises(UserError, match=rf"has .*{left.partition('/')[0]}.* but no status\.json.*rerun=true"):
        run.check_unbegun()
    run.clear()
    write_text(run.path / left, "x")
    run.check_unbegun()


def test_a_directory_in_the_place_of_a_temporary_file_is_left(run):
    (run.path / "samples" / ".x.tmp" / "y").mkdir(parents=True)
    (run.path / "samples" / ".y.tmp").write_text("")
    run.sweep_temporaries()
    assert names(run.path / "samples") == [".x.tmp"]


def test_evaluations_are_read_oldest_first(run):
    for number, name in enumerate(["z", "a", "m"]):
        write_json(run.evaluations / f"{name}.json", {**EVALUATION, "name": name, "seconds": 1.0})
        os.utime(run.evaluations / f"{name}.json", ns=(number, number))
    assert [entry["name"] for entry in run.evaluation_files()] == ["z", "a", "m"]


def test_a_moved_run_works(run, tmp_path):
    write_json(run.card_json, {**CARD, "seed": 3})
    run.path.rename(tmp_path / "elsewhere")
    assert RunDirectory.open(tmp_path / "elsewhere").card()["seed"] == 3


def test_the_module_knows_no_torch():
    """status and compare answer in a moment because of it."""
    heavy = {"torch", "numpy", "hydra", "pytorch_lightning"}
    code = f"import sys, kantor.runs.directory; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.replace("'", '"')) == []
    assert rundir.LAYOUT == LAYOUT
