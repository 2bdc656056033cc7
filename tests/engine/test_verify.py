"""A finished run is proved at every level; whatever of its claims is forged is found, and named."""

import json
import os
import re
from pathlib import Path

import pytest
import torch
from forgeries import (
    a_row,
    better,
    covered_up,
    edited,
    exchange,
    other_weights,
    the_evaluation,
    verified,
    wrong,
)
from safetensors.torch import load_file
from small_runs import SMALL

from kantor.digests import sha256
from kantor.runs.directory import RunDirectory


@pytest.mark.parametrize("level", ["files", "score", "prefix", "full"])
def test_what_is_true_is_equal_at_every_level(kantor, run, level):
    before = {path: path.read_bytes() for path in sorted(run.rglob("*")) if path.is_file()}
    found = verified(run, f"level={level}", verdict="equal")
    assert found["differences"] == [] and found["first_differing_step"] is None
    assert all(one["verdict"] == "equal" for one in found["findings"])
    claims = {one["claim"] for one in found["findings"]}
    assert {"files", "configuration", "budget", "weights", "card", "evaluation toy"} <= claims
    assert ("w1" in claims) == (level in ("score", "full")) and ("training" in claims) == (level in ("prefix", "full"))
    after = {path: path.read_bytes() for path in sorted(run.rglob("*")) if path.is_file()}
    kept = [path for path in after if path not in before]
    assert [path.parent.name for path in kept] == ["verifications"]
    assert {path: after[path] for path in before} == before


def test_a_value_that_all_files_agree_on_is_found_by_scoring_again(kantor, run):
    edited(the_evaluation(run), better)
    covered_up(run)
    verified(run, verdict="equal")
    found = verified(run, "level=score", verdict="different")
    assert set(wrong(found)) == {"w1"} and "value: it was" in wrong(found)["w1"]


def test_a_value_within_the_interval_is_no_excuse_where_nothing_differs(kantor, run):
    def nearby(record):
        score = record["scores"]["w1"]
        score["value"] -= (score["value"] - score["low"]) / 2

    edited(the_evaluation(run), nearby)
    covered_up(run)
    assert set(wrong(verified(run, "level=score", verdict="different"))) == {"w1"}
    edited(run / "environment.json", lambda made: made["packages"].update(torch="2.0"))
    covered_up(run)
    found = verified(run, "level=score", verdict="within the interval")
    assert {one["what"]: one["then"] for one in found["differences"]} == {"torch": "2.0"}


def test_a_protocol_that_all_files_agree_on_is_found_by_scoring_again(kantor, run):
    def change(record):
        record["protocol"]["n_generated"] = 4096
        shared = {**record["protocol"], "estimators": {}}
        record["protocol_hash"] = sha256(shared)
        for name, score in record["scores"].items():
            estimators = {name: record["protocol"]["estimators"][name]}
            score["protocol_hash"] = sha256({**shared, "estimators": estimators})

    edited(the_evaluation(run), change)
    covered_up(run)
    verified(run, verdict="equal")
    told = wrong(verified(run, "level=score", verdict="different"))["evaluation toy"]
    assert told.startswith("protocol.n_generated")


def test_weights_that_all_files_agree_on_are_found_by_training_again(kantor, run):
    """Digests, exported weights and evaluation are those of the other network."""
    from kantor.callbacks.digests import digest_of_optimizers
    from kantor.evaluation import tensor_files
    from kantor.runs.digest_rows import DigestRow, write_digests

    other_weights(run)
    exchange(run / "checkpoints" / "generator.safetensors")
    directory, held = RunDirectory(run), torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    digest = tensor_files.digest(load_file(run / "checkpoints" / "generator.safetensors"))
    *before, _ = directory.digest_rows()
    last = DigestRow(
        40, tensor_files.digest(held["state_dict"]), digest_of_optimizers(held["optimizer_states"]), digest
    )
    write_digests(directory.digests_csv, [*before, last])
    edited(the_evaluation(run), lambda record: record.update(digest=digest))
    covered_up(run)
    verified(run, verdict="equal")
    verified(run, "level=prefix", verdict="equal")  # the first steps are true
    found = verified(run, "level=full", verdict="different")
    assert found["first_differing_step"] == 40
    assert wrong(found)["training"] == "equal up to step 30, other weights and sampling at step 40"


def test_a_row_that_all_files_agree_on_is_found_by_training_again(kantor, run):
    a_row(run)
    covered_up(run)
    verified(run, verdict="equal")
    found = verified(run, "level=prefix", verdict="different")
    assert found["first_differing_step"] == 10
    assert set(wrong(found)) == {"metrics.csv"}
    assert wrong(found)["metrics.csv"].startswith("train/critic_loss at step 10 was -0.125 and is ")


def test_after_one_line_the_first_step_that_differs_is_named_with_the_line(kantor, run):
    edited(run / "config.yaml", lambda plain: plain["optimisation"]["critic"].update(lr=0.002))
    found = verified(run, "level=prefix", verdict="different")
    assert found["first_differing_step"] == 5  # a row of metrics.csv, before the first digests
    assert wrong(found)["metrics.csv"].partition(" was ")[0].endswith(" at step 5")
    assert wrong(found)["training"] == "other weights and optimizers and sampling at step 10"
    (differs,) = found["differences"]
    assert re.fullmatch(r"config\.yaml, line \d+: optimisation\.critic\.lr", differs["what"])
    assert (differs["then"], differs["now"]) == ("0.001", "0.002")


def test_a_line_by_which_training_breaks_is_a_verdict_too(kantor, run):
    edited(run / "config.yaml", lambda plain: plain["optimisation"]["critic"].update(lr=1e20))
    found = verified(run, "level=prefix", verdict="different")
    assert wrong(found)["training"].startswith("it ends badly: ")


def test_another_number_of_threads_is_named(kantor, run):
    """Whether weights differ for it depends on the networks; that it is another number is always said."""
    words = ("verify", f"run={run}", "level=prefix", "trainer.threads=2", "steps=10")
    from kantor.cli import main as cli

    assert cli.main(list(words)) in (0, 1)
    (path,) = (run / "verifications").glob("*.json")
    found = json.loads(path.read_text())
    assert found["differences"] == [{"what": "number of threads", "then": "1", "now": "2"}]
    assert any("up to step 10" in one["told"] or "at step" in one["told"] for one in found["findings"])


def test_an_evaluation_that_was_asked_for_later_breaks_nothing_and_can_be_proved(kantor, run):
    kantor("evaluate", f"run={run}", "evaluation.n=64")
    found = verified(run, verdict="equal")
    assert [one["claim"] for one in found["findings"]].count("evaluation toy") == 2
    found = verified(run, "level=score", verdict="equal")
    assert [one["verdict"] for one in found["findings"]].count("not checked") == 1
    verified(run, "level=score", "evaluation.n=64", verdict="equal")


def test_a_run_that_cannot_be_written_to_gets_its_verdict_all_the_same(kantor, run, monkeypatch):
    def refused(path, value):
        raise OSError(30, "Read-only file system", str(path))

    monkeypatch.setattr("kantor.runs.verification.write_json", refused)
    done = kantor("verify", f"run={run}")
    assert "verdict  equal" in done.stdout and "the verdict is not kept" in done.stderr
    assert not (run / "verifications").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_directory_without_the_right_to_write(kantor, run):
    run.chmod(0o555)
    assert "could not be kept" in kantor("verify", f"run={run}").stderr
    run.chmod(0o755)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("level=all",), "level=all: expected one of files, score, prefix, full"),
        (("level=full", "steps=10"), "steps=10: only level=prefix"),
        (("level=prefix", "steps=9"), "steps=9: the run has digests from step 10 on"),
        (("level=prefix", "evaluation.n=64"), "evaluation.n: another value proves nothing at level=prefix"),
        (("level=prefix", "trainer.precision=bf16-mixed"), "trainer.precision: another value proves nothing"),
        (("level=score", "data.batch_size=8"), "data.batch_size: another value proves nothing"),
        (("level=score", "evaluation=none"), "was trained without scores"),
        (("trainer.threads=2",), "trainer.threads: another value proves nothing at level=files; it only reads files"),
    ],
)
def test_what_proves_nothing_is_refused(kantor, run, words, sentence):
    assert sentence in kantor("verify", f"run={run}", *words, check=2).stderr
    assert not (run / "verifications").exists()


@pytest.mark.parametrize(("state", "told"), [("running", "stopped"), ("failed", "failed"), ("new", "new")])
def test_only_finished_runs_are_verified(kantor, run, state, told):
    """Nobody works on the first one."""
    edited(run / "status.json", lambda status: status.update(state=state))
    assert f"is {told}: only a finished run can be verified" in kantor("verify", f"run={run}", check=2).stderr


def test_a_run_of_an_earlier_version_is_proved_as_far_as_it_can_be(kantor, run):
    (run / "digests.csv").unlink()
    (run / "manifest.json").unlink()
    found = verified(run, verdict="equal")
    assert [one["claim"] for one in found["findings"] if one["verdict"] == "not checked"] == ["files", "weights"]
    assert "level=full" in kantor("verify", f"run={run}", "level=prefix", check=2).stderr


def test_a_run_that_went_on_to_a_larger_budget_is_proved_from_its_beginning(kantor, run, tmp_path):
    kantor("train", f"run={run}", "budget.steps=50", "pictures=none")
    (longer,) = (path.parent for path in tmp_path.rglob("status.json") if path.parent != run)
    found = verified(longer, "level=full", verdict="equal")
    assert "up to step 50" in next(one["told"] for one in found["findings"] if one["claim"] == "training")


def test_a_run_that_a_callback_ended_is_proved(kantor, tmp_path):
    words = [word for word in SMALL if not word.startswith("pictures")]
    kantor("train", "experiment=point_demo_gp", "budget.minutes=0.00001", "pictures=none", *words)
    (path,) = tmp_path.rglob("status.json")
    found = verified(path.parent, "level=full", verdict="equal")
    assert "training" in [one["claim"] for one in found["findings"]]


@pytest.mark.parametrize("told", [["verify", "--help"], "docs/verify.md"], ids=["help", "docs"])
def test_what_may_be_otherwise_is_told_where_it_is_read(kantor, told):
    from kantor.engine.provable import MACHINE
    from kantor.runs.identity import UNHASHED_DATA

    text = kantor(*told).stdout if isinstance(told, list) else (Path(__file__).parents[2] / told).read_text()
    for name in [*(key.partition(".")[2] for key in MACHINE), *UNHASHED_DATA]:
        assert f".{name}" in text
