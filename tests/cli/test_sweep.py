"""`kantor train -m`: one failing job takes no other down, and the same sweep again does only what is missing."""

import json

import yaml
from small_runs import FAST

SWEEP = (
    "train",
    "-m",
    "experiment=point_demo_gp",
    "budget.steps=4",
    "evaluation=none",
    "pictures=none",
    *FAST,
)


def test_a_failing_job_takes_no_other_down(kantor, tmp_path):
    done = kantor(*SWEEP, "optimisation.critic.lr=1e20,1e-3", check=1)
    assert "1 of 2 jobs done" in done.stdout
    states = sorted(json.loads(path.read_text())["state"] for path in tmp_path.rglob("status.json"))
    assert states == ["failed", "finished"]
    again = kantor(*SWEEP, "seed=0,1")
    assert again.stderr.count("finished already") == 1
    assert "2 of 2 jobs done" in again.stdout


def test_objectives_are_swept(kantor, tmp_path):
    """What the experiment sets for its own does not fail the jobs of the others."""
    done = kantor(*SWEEP, "objective=hinge,wasserstein_clipping")
    assert "2 of 2 jobs done" in done.stdout
    kept = [yaml.safe_load(path.read_text())["objective"] for path in tmp_path.rglob("config.yaml")]
    assert sorted(set(one) - {"_target_"} for one in kept) == [set(), {"clip", "spare_normalisation"}]


def test_joblib_with_several_devices_is_refused(kantor):
    done = kantor(*SWEEP, "hydra/launcher=joblib", "trainer.devices=2", "seed=0,1", check=2)
    assert "joblib" in done.stderr
