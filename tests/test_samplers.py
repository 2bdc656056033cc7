"""A family whose sampler has settings, from training to comparison; a sampler of another kind is refused everywhere."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from small_runs import BRIEF, OWN, SCORED, command_line

FLOW = ("experiment=toy_flow", "--config-dir", OWN, *BRIEF, *SCORED, "evaluation.draws=2")
CHOSEN = "best.ckpt was chosen while training by score=w1, n=128, weights=ema, sampler=euler, nfe=4, sampler.steps=4:"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A finished run, to be read and copied; Euler's method has 4 steps."""
    outputs = tmp_path_factory.mktemp("flow")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kantor.report.page.charts_of", lambda summary: [])
        patch.setattr("kantor.engine.publication.write_figures", lambda directory: None)
        command_line("train", f"outputs={outputs}", "budget.steps=20", *FLOW)
    (run,) = outputs.glob("toy_flow/*")
    return run


@pytest.fixture
def run(trained, tmp_path):
    """A copy of it."""
    return shutil.copytree(trained, tmp_path / "outputs" / "toy_flow" / trained.name)


@pytest.fixture
def flow(kantor, monkeypatch):
    """`kantor`, which also opens such runs."""
    monkeypatch.setenv("KANTOR_TRUST", "toy_vae,toy_flow")
    return kantor


def evaluations(run):
    return json.loads((run / "card.json").read_text())["evaluations"]


def test_a_run_is_scored_and_drawn_by_its_sampler(run):
    (scored,) = evaluations(run)
    said = {"checkpoint": "last", "weights": "ema", "sampler": "euler", "nfe": 4, "sampler.steps": 4}
    assert scored["sampling"] == said
    assert list((run / "samples").glob("*.png"))


def test_samples_are_those_of_the_steps_that_are_asked_for(flow, run):
    def drawn(name, *words):
        flow("sample", f"run={run}", "n=300", f"out={name}.npz", *words)
        return np.load(f"{name}.npz")["samples"]

    own, four, eight = drawn("own"), drawn("four", "sampler.steps=4"), drawn("eight", "sampler.steps=8")
    assert own.shape == (300, 2) and np.array_equal(own, four)
    assert not np.allclose(own, eight)


def test_a_score_by_other_steps_stands_beside_the_first_and_says_what_chose_the_best_checkpoint(flow, run):
    words = ("evaluate", f"run={run}", "evaluation.checkpoint=best")
    assert CHOSEN in flow(*words, "sampler.steps=2").stderr
    assert CHOSEN in flow(*words, "evaluation.weights=raw").stderr
    assert "was chosen while training" not in flow(*words).stderr
    assert "was chosen while training" not in flow("evaluate", f"run={run}", "sampler.steps=2").stderr
    sampled = [(one["sampling"]["checkpoint"], one["sampling"]["nfe"]) for one in evaluations(run)]
    assert sorted(sampled) == [("best", 2), ("best", 4), ("best", 4), ("last", 2), ("last", 4)]


@pytest.mark.parametrize("command", ["sample", "evaluate", "train"])
def test_a_sampler_of_another_kind_is_refused(flow, run, command):
    words = {
        "sample": ("sample", f"run={run}", "n=4", "out=samples.npz"),
        "evaluate": ("evaluate", f"run={run}"),
        "train": ("train", "outputs=new", "budget.steps=20", *FLOW),
    }
    said = flow(*words[command], "sampler=direct", check=2).stderr
    assert "sampler: ToyFlow draws by toy_flow.Euler, and not by Direct" in said
    assert len(evaluations(run)) == 1 and not Path("new").exists() and not Path("samples.npz").exists()


def test_a_larger_budget_may_be_scored_by_other_steps_which_choose_the_best_checkpoint_anew(flow, run, monkeypatch):
    said = flow("train", f"run={run}", "budget.steps=30", "sampler.steps=2").stderr
    assert "it is chosen anew from here on" in said
    (longer,) = (path for path in run.parent.iterdir() if path != run)
    (scored,) = evaluations(longer)
    assert scored["at_step"] == 30 and scored["sampling"]["nfe"] == 2

    for name in ("score_drawings", "curve_drawings"):
        monkeypatch.setattr(f"kantor.report.compare.{name}", lambda *given: [])  # they take seconds
    flow("compare", str(run), str(longer), "out=compared")
    page = Path("compared/compare.md").read_text()
    assert "Sampling differs, sampler.steps: " in page
    heads = [cell.strip() for cell in page[page.index("| run |") :].splitlines()[0].split("|")]
    assert heads.count("steps") == heads.count("settings") == 1 and "sampler.steps" not in heads
    with Path("compared/compare.csv").open() as file:
        rows = list(csv.DictReader(file))
    found = {(row["run"], row["steps"], row["nfe"], row["sampler.steps"]) for row in rows}
    assert found == {(str(run), "20", "4", "4"), (str(longer), "30", "2", "2")}


def test_another_setting_of_the_sampler_is_no_other_run(flow, run):
    before = (run / "checkpoints" / "last.ckpt").stat().st_mtime_ns
    flow("train", f"outputs={run.parents[1]}", "budget.steps=20", *FLOW, "sampler.steps=2")
    assert list(run.parent.iterdir()) == [run]
    assert (run / "checkpoints" / "last.ckpt").stat().st_mtime_ns == before
