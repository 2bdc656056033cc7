"""A finished run that goes on: what may change with the budget, and what is refused before anything is written."""

import json
import re
import shutil

import pytest
import yaml
from small_runs import FAST

from kantor.config.files import CONF

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
        ("optimisation.critic.lr=0.5", "optimisation.critic.lr=0.5 would make another model"),
        ("budget.steps=40", "the new budget is 40 steps, the run has had 40: expected more"),
        ("sampler=ode", "sampler=ode is unknown: expected one of"),
        ("ema.decai=0.9", "there is no key 'ema.decai' (nearest: ema.decay)"),
    ],
)
def test_another_run_is_refused(kantor, run, word, sentence):
    words = {"budget.steps": "budget.steps=50", word.partition("=")[0]: word}
    assert sentence in kantor("train", f"run={run}", *words.values(), check=2).stderr
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
