"""A finished run that goes on: what may change with the budget, and what is refused before anything is written."""

import json
import re
import shutil

import pytest
import torch
import yaml
from small_runs import FAST

import kantor as kantor_package
from kantor.config.files import CONF
from kantor.runs.directory import RunDirectory

SCHEDULED = (*FAST, "experiment=point_demo_gp", "budget.steps=10")


@pytest.fixture
def run(finished, tmp_path):
    """A copy of a finished run of 40 steps."""
    return shutil.copytree(finished, tmp_path / "outputs" / "point_demo_gp" / "a-s0")


def longer(run):
    """The run that came of it, and its status."""
    (path,) = (other for other in run.parent.iterdir() if other != run)
    return path, json.loads((path / "status.json").read_text())


def test_what_is_no_part_of_the_weights_may_change(kantor, run):
    kantor("train", f"run={run}", "budget.steps=42", "evaluation=none", "sampler=direct", "pictures=none")
    path, status = longer(run)
    assert status["counters"] == {"images_seen": 42 * 5 * 256, "steps": 42, "critic_steps": 210}
    assert json.loads((path / "card.json").read_text())["evaluations"] == []


def test_the_counters_are_those_of_the_end_when_the_best_checkpoint_is_scored(kantor, run):
    kantor("train", f"run={run}", "budget.steps=42", "evaluation.checkpoint=best", "pictures=none")
    path, status = longer(run)
    assert status["counters"]["steps"] == 42
    (scored,) = json.loads((path / "card.json").read_text())["evaluations"]
    assert scored["at_step"] in (10, 20, 30, 40, 42) and scored["sampling"]["checkpoint"] == "best"


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("seed=1", "seed=1 would make it pass for another run"),
        ("experiment=point_wgan_gp", "experiment=point_wgan_gp would make it pass for another run"),
        ("+seed=1", "there is no key '+seed'"),
        ("optimisation.critic.lr=0.5", "optimisation.critic.lr=0.5 (it was 0.001) would make another model"),
        ("stop=at_half", "stop=at_half"),
        ("trainer.matmul_precision=high", "trainer.matmul_precision=high (it was"),
        ("budget.steps=40", "the new budget is 40 steps, the run has had 40: expected more"),
        ("budget.images=51200", "the new budget is 40 steps, the run has had 40: expected more"),
        ("budget.minutes=0.0001", "budget.minutes=0.0001: the run has had "),
        ("evaluation=quick", "this one scores pictures, data=gaussians8 are points; take evaluation=toy"),
        ("primary_score=kid", "primary_score=kid: for data=gaussians8 expected one of"),
        ("sampler=ode", "sampler=ode is unknown: expected one of"),
        ("ema.decai=0.9", "there is no key 'ema.decai' (nearest: ema.decay)"),
    ],
)
def test_another_run_is_refused(kantor, run, word, sentence):
    words = [word] if word.startswith("budget.") else ["budget.steps=50", word]
    assert sentence in kantor("train", f"run={run}", *words, check=2).stderr
    assert list(run.parent.iterdir()) == [run]


@pytest.mark.parametrize(
    ("final", "said"),
    [
        ("0.0", "ends at 0 after 10 steps, and the budget after 12: steps beyond would train nothing"),
        ("0.25", "learning rates stay at 25% from step 10 on"),
    ],
)
def test_beyond_the_end_of_a_schedule(kantor, tmp_path, final, said):
    kantor("train", *SCHEDULED, "schedule=linear", "schedule.steps=10", f"schedule.final={final}")
    (run,) = (tmp_path / "outputs" / "point_demo_gp").iterdir()
    code = 2 if final == "0.0" else 0
    assert said in kantor("train", f"run={run}", "budget.steps=12", check=code).stderr
    assert len(list(run.parent.iterdir())) == (1 if code else 2)


def test_the_configuration_of_the_longer_run_is_shown_and_nothing_is_trained(kantor, run):
    shown = yaml.safe_load(kantor("train", f"run={run}", "budget.steps=42", "sampler=direct", "--cfg").stdout)
    assert shown["budget"]["steps"] == 42 and shown["model"]["generator"]["width"] == 32
    assert list(run.parent.iterdir()) == [run]
    assert "would make another model" in kantor("train", f"run={run}", "ema.decay=0.5", "--cfg", check=2).stderr


def test_options_of_ones_own_can_be_chosen_after_training(kantor, run, tmp_path):
    for group in ("sampler", "evaluation"):
        (tmp_path / "mine" / group).mkdir(parents=True)
    (tmp_path / "mine" / "sampler" / "plain.yaml").write_text("_target_: kantor.samplers.direct.Direct\n")
    toy = (CONF / "evaluation" / "toy.yaml").read_text()
    (tmp_path / "mine" / "evaluation" / "mine.yaml").write_text(re.sub(r"(?m)^n: .*$", "n: 99", toy))
    own = ("sampler=plain", "--config-dir", "mine")
    kantor("sample", f"run={run}", "n=4", "out=x.npz", *own)
    kantor("evaluate", f"run={run}", "evaluation=mine", "evaluation.chunk=64", *own)
    entry = json.loads((run / "card.json").read_text())["evaluations"][-1]
    assert entry["protocol"]["n_generated"] == 99
    kantor("evaluate", "images=x.npz", "data=gaussians8", "out=o", "evaluation=mine", "evaluation.n=4", *own[1:])
    kantor("train", f"run={run}", "budget.steps=41", "evaluation=none", "pictures=none", *own)
    assert "sampler=plain is unknown" in kantor("sample", f"run={run}", "n=4", own[0], check=2).stderr


def test_nothing_exists_when_the_configuration_was_changed_since(kantor, run):
    """Another seed in config.yaml would make the copy pass for the run of that seed."""
    config = yaml.safe_load((run / "config.yaml").read_text())
    for changed in ({"seed": 1}, {"experiment": "point_wgan_gp"}, {"ema": {**config["ema"], "decay": 0.5}}):
        (run / "config.yaml").write_text(yaml.safe_dump({**config, **changed}))
        said = kantor("train", f"run={run}", "budget.steps=42", check=2).stderr
        assert "is not the configuration that the run was trained by" in said
    assert list(run.parent.iterdir()) == [run]


def test_a_run_that_was_moved_is_gone_on_with_beside_itself(kantor, run, tmp_path):
    moved = run.rename(tmp_path / "mine")
    kantor("train", f"run={moved}", "budget.steps=41", "evaluation=none", "pictures=none")
    (path,) = (tmp_path / "point_demo_gp").iterdir()
    assert path.name.endswith("-s0") and json.loads((path / "status.json").read_text())["extends"] == str(moved)


def test_the_longer_run_has_what_the_old_one_knew_and_no_best_checkpoint_without_scores(kantor, run):
    findings = {"findings": [{"step": 7, "check": "x", "message": "y", "gone": 9}]}
    (run / "health.json").write_text(json.dumps(findings))
    kantor("train", f"run={run}", "budget.steps=41", "evaluation=none", "pictures=none")
    path, _ = longer(run)
    assert (path / "health.json").is_file()
    assert {file.name for file in (path / "checkpoints").iterdir()} == {
        "last.ckpt",
        "previous.ckpt",
        "generator.safetensors",
    }
    made = json.loads((path / "environment.json").read_text())
    assert made["config_hash"][:10] == path.name[:10] and "budget.steps=41" in str(made["made_by"])


def test_from_python_and_again_from_the_copy_with_rerun(run):
    words = [f"run={run}", "budget.steps=41", "evaluation=none", "pictures=none"]
    first = kantor_package.train(words)
    assert first.path.parent == run.parent and first.metrics()["steps"][-1] == 41
    (first.path / "note").touch()
    again = kantor_package.train([*words, "rerun=true"])
    attempts = RunDirectory(again.path).status()["attempts"]
    assert again.path == first.path and [one["from_step"] for one in attempts] == [40]
    assert not (first.path / "note").exists()
    assert torch.equal(weights(first), weights(again))


def weights(run):
    return torch.cat([tensor.flatten() for tensor in run.model().state_dict().values()])


def test_several_do_not_go_on_at_once(kantor, run):
    assert "one run goes on at a time" in kantor("train", "-m", f"run={run}", "budget.steps=41,42", check=2).stderr
