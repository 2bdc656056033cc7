"""`kantor train -m` and `kantor work`: a plan is made once, one failing job takes no other down, and the same command
again does only what is missing."""

import json
import subprocess
import sys

import pytest
import yaml
from small_runs import FAST

from kantor.sweeps.plan import Plan

SWEEP = (
    "train",
    "-m",
    "experiment=point_demo_gp",
    "budget.steps=4",
    "evaluation=none",
    "pictures=none",
    *FAST,
)
FAILING = (*SWEEP, "optimisation.critic.lr=1e20,1e-3")


def plans(root):
    return sorted((root / "outputs" / "sweeps").iterdir())


def attempts(root):
    """How often each run was tried, by the rate of its critic."""
    found = {}
    for path in root.rglob("status.json"):
        config = yaml.safe_load((path.parent / "config.yaml").read_text())
        tried = [one["outcome"] for one in json.loads(path.read_text())["attempts"]]
        found[config["optimisation"]["critic"]["lr"], config["seed"]] = tried
    return found


def test_a_failing_job_takes_no_other_down_and_is_tried_once_a_command(kantor, tmp_path):
    done = kantor(*FAILING, check=1)
    assert "2 jobs: 1 done, 1 failed" in done.stdout and "Try a lower learning rate" in done.stdout
    assert attempts(tmp_path) == {(1e20, 0): ["failed"], (1e-3, 0): ["finished"]}
    kantor(*FAILING, check=1)
    assert attempts(tmp_path) == {(1e20, 0): ["failed", "failed"], (1e-3, 0): ["finished"]}
    (plan,) = plans(tmp_path)
    kantor("work", str(plan), check=1)
    assert len(attempts(tmp_path)[1e20, 0]) == 2
    kantor("work", str(plan / "plan.json"), "failed=again", check=1)
    assert attempts(tmp_path) == {(1e20, 0): ["failed"] * 3, (1e-3, 0): ["finished"]}


def test_a_wider_sweep_finds_the_runs_of_a_narrower_one(kantor, tmp_path):
    kantor(*SWEEP)
    assert "2 jobs: 2 done" in kantor(*SWEEP, "seed=0,1").stdout
    assert set(map(tuple, attempts(tmp_path).values())) == {("finished",)} and len(plans(tmp_path)) == 2


def test_the_table_has_a_column_for_what_differs(kantor):
    columns = kantor(*SWEEP, "seed=0,1").stdout.splitlines()[1].split()
    assert columns == ["seed", "state", "progress", "within_3_sigma", "time", "reason"]


def test_a_finished_sweep_is_told_without_hydra_and_without_torch(kantor, tmp_path, monkeypatch):
    kantor(*SWEEP, "seed=0,1")
    for heavy in ("torch", "hydra", "omegaconf"):
        monkeypatch.setitem(sys.modules, heavy, None)
    again = kantor("train", "-m", "seed=0,1", *SWEEP[2:])
    assert "2 jobs: 2 done" in again.stdout and not again.stderr
    words = ["status", str(plans(tmp_path)[0])]
    assert "2 jobs: 2 done" in kantor(*words).stdout
    code = (  # what is loaded with the modules themselves shows in a process of its own only
        "import sys; from kantor.cli.main import main; main(sys.argv[1:]); "
        "print([name for name in ('torch', 'hydra', 'omegaconf', 'numpy') if name in sys.modules], file=sys.stderr)"
    )
    alone = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True, timeout=60)
    assert alone.stderr.strip() == "[]" and "2 jobs: 2 done" in alone.stdout


def test_objectives_are_swept(kantor, tmp_path):
    """What the experiment sets for its own does not fail the jobs of the others."""
    done = kantor(*SWEEP, "objective=hinge,wasserstein_clipping")
    assert "2 jobs: 2 done" in done.stdout
    kept = [yaml.safe_load(path.read_text())["objective"] for path in tmp_path.rglob("config.yaml")]
    assert sorted(set(one) - {"_target_"} for one in kept) == [set(), {"clip", "spare_normalisation"}]


def test_all_are_trained_once_more_by_rerun(kantor, tmp_path):
    kantor(*SWEEP, "seed=0,1")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("last.ckpt")}
    kantor(*SWEEP, "seed=0,1", "rerun=true")
    assert {path: path.stat().st_mtime_ns != time for path, time in before.items()} == dict.fromkeys(before, True)
    assert list(attempts(tmp_path).values()) == [["finished"], ["finished"]] and len(plans(tmp_path)) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("seed=",), "expected a whole number, was given nothing"),
        (("seed=0,x",), "expected a whole number, was given x"),
        (("trainer.threads=1,2",), "trainer.threads=1,2: each of these values makes the same run"),
        (("data=gaussians8,gaussians25", "evaluation=toy,quick"), "kantor evaluate run=DIR"),
        (("hydra/launcher=joblib", "trainer.devices=2", "seed=0,1"), "would collide"),
        (("hydra/launcher=joblib", "trainer.nodes=2", "seed=0,1"), "trainer.nodes=2"),
        (("hydra/launcher=joblib", "trainer.devices=auto", "seed=0,1"), "trainer.devices=auto"),
        (("hydra/sweeper=optuna", "seed=0,1"), "search=tpe"),
        (("hydra.sweep.dir=x", "seed=0,1"), "leave it out"),
        (("hydra.launcher.n_jobs=2", "seed=0,1"), "has no settings"),
        (("hydra/launcher=nobody", "seed=0,1"), "nobody"),
        (("objective=hinge,hing",), "nearest: hinge"),
        (("optimisation.critic.lr=interval(0,1)",), "interval"),
        (("outputs=a,b",), "one directory"),
        (("code=maybe",), "refuse, accept, rerun"),
    ],
)
def test_what_is_wrong_for_every_job_is_said_before_any_begins(kantor, tmp_path, words, said):
    assert said in kantor(*SWEEP, *words, check=2).stderr
    assert not list(tmp_path.rglob("status.json"))


def test_a_combination_that_cannot_be_is_a_failed_job(kantor, tmp_path):
    words = ("budget.steps=1,null", "budget.images=null,256")
    done = kantor(*(word for word in SWEEP if "budget" not in word), *words, check=2)
    assert "4 jobs: 2 done, 2 failed" in done.stdout
    refused = [job.words for job in Plan.read(plans(tmp_path)[0]).jobs if job.refused]
    assert refused == [("budget.steps=1", "budget.images=256"), ("budget.steps=null", "budget.images=null")]


def test_what_other_code_has_made_is_a_state_of_its_own(kantor, tmp_path):
    kantor(*SWEEP, "seed=0,1")
    path = min(tmp_path.rglob("environment.json"))
    made = json.loads(path.read_text())
    path.write_text(json.dumps({**made, "code": {**made["code"], "kantor.nets.mlp.MLP": "0" * 64}}))
    done = kantor(*SWEEP, "seed=0,1,2", check=2)
    assert "3 jobs: 2 done, 1 other code" in done.stdout and "code=rerun trains them again" in done.stdout
    assert "3 jobs: 3 done" in kantor(*SWEEP, "seed=0,1,2", "code=accept").stdout
    assert attempts(tmp_path)[1e-3, 0] == ["finished"]
    assert "3 jobs: 3 done" in kantor(*SWEEP, "seed=0,1,2", "code=rerun").stdout
    assert json.loads(path.read_text())["code"] == made["code"]
    kantor(*SWEEP, "seed=0,1,2")
    assert set(map(tuple, attempts(tmp_path).values())) == {("finished",)}


def test_a_wrong_value_in_a_file_is_mended_and_the_same_command_does_what_failed(kantor, tmp_path):
    """Its plan is composed anew, and finds the run that was done; so it does beside one of other code."""
    own = tmp_path / "conf" / "experiment" / "mine.yaml"
    own.parent.mkdir(parents=True)
    text = "# @package _global_\n# mine\ndefaults: [point_demo_gp]\noptimisation: {critic: {lr: 1.0e+20}}\n"
    own.write_text(text)
    sweep = (*SWEEP[:2], "experiment=mine,point_demo_gp", *SWEEP[3:], "--config-dir", str(tmp_path / "conf"))
    assert "2 jobs: 1 done, 1 failed" in kantor(*sweep, check=1).stdout
    own.write_text(text.replace("1.0e+20", "0.002"))
    assert "2 jobs: 2 done" in kantor(*sweep).stdout
    assert attempts(tmp_path) == {(1e20, 0): ["failed"], (0.002, 0): ["finished"], (1e-3, 0): ["finished"]}
    (path,) = (tmp_path / "outputs" / "point_demo_gp").glob("*/environment.json")
    made = json.loads(path.read_text())
    path.write_text(json.dumps({**made, "code": {**made["code"], "kantor.nets.mlp.MLP": "0" * 64}}))
    own.write_text(text.replace("1.0e+20", "0.003"))
    assert "2 jobs: 1 done, 1 other code" in kantor(*sweep, check=2).stdout
    assert "2 jobs: 2 done" in kantor(*sweep, "code=rerun").stdout
    assert attempts(tmp_path)[1e-3, 0] == ["finished"] and json.loads(path.read_text())["code"] == made["code"]
    assert len(plans(tmp_path)) == 1
