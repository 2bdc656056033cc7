"""plan.json: what is read is what was written, and nothing of it leads elsewhere."""

import json
from dataclasses import replace

import pytest
from small_runs import FAST

from kantor.config.compose import compose
from kantor.errors import UserError
from kantor.runs.identity import code_hashes, config_hash
from kantor.sweeps import planning
from kantor.sweeps.plan import PLAN, Plan, is_plan, named_plan
from kantor.sweeps.planning import planned
from kantor.sweeps.words import told_apart

WORDS = (
    "experiment=point_demo_gp,point_flow",
    "budget.steps=4",
    "trainer.threads=auto",
    "trainer.devices=auto",
    "seed=0,3",
)


@pytest.fixture
def plan(tmp_path):
    return planned(told_apart([*WORDS, f"outputs={tmp_path}/outputs"], []))


def test_what_is_read_is_what_was_written(plan):
    assert Plan.read(plan.directory) == plan


def test_a_job_is_what_train_would_compose(plan):
    for job in plan.jobs:
        composed = compose([*job.words, *WORDS[1:4], f"outputs={plan.outputs}"])
        assert plan.configuration(job, code="refuse") == composed
        assert job.run == f"{composed.experiment}/{config_hash(composed.plain)[:10]}-s{composed.seed}"
        assert job.code == code_hashes(composed.plain)


def test_what_the_machine_decides_is_decided_where_it_is_trained(plan, monkeypatch):
    assert {(job.plain["trainer"]["threads"], job.plain["trainer"]["devices"]) for job in plan.jobs} == {("auto",) * 2}
    monkeypatch.setattr("os.sched_getaffinity", lambda _: range(7))
    assert plan.configuration(plan.jobs[0], code="refuse").trainer.threads == 7


def test_a_plan_that_was_moved_knows_its_new_outputs(plan, tmp_path):
    plan.outputs.rename(tmp_path / "moved")
    moved = named_plan(str(tmp_path / "moved" / "sweeps" / plan.directory.name))
    assert moved.outputs == tmp_path / "moved"
    assert moved.configuration(moved.jobs[0], code="accept").outputs == str(tmp_path / "moved")


def test_outputs_are_named_as_the_plan_is(plan, monkeypatch):
    for place, given, outputs in (
        (plan.outputs.parent, f"outputs/sweeps/{plan.directory.name}", "outputs"),
        (plan.outputs, f"sweeps/{plan.directory.name}/plan.json", "."),
        (plan.directory, "plan.json", str(plan.outputs)),
    ):
        monkeypatch.chdir(place)
        assert str(named_plan(given).outputs) == outputs


def test_seeds_are_composed_once_unless_something_is_made_from_them(tmp_path, monkeypatch):
    from kantor.sweeps import composer

    words, composed = [], composer.drafted
    monkeypatch.setattr(composer, "drafted", lambda given, **more: words.append(given) or composed(given, **more))
    one = planned(told_apart(["experiment=point_demo_gp", "seed=0,1,2", f"outputs={tmp_path}"], []))
    assert len(words) == 1 and [job.plain["seed"] for job in one.jobs] == [0, 1, 2]
    other = ["experiment=point_demo_gp", "seed=0,1,2", "trainer.log_every='${oc.decode:1${seed}}'"]
    two = planned(told_apart([*other, f"outputs={tmp_path}"], []))
    assert len(words) == 4 and [job.plain["trainer"]["log_every"] for job in two.jobs] == [10, 11, 12]


def test_combinations_that_make_the_same_run_are_one_job(tmp_path, capsys):
    words = ["experiment=point_demo_gp", "objective.penalty_weight=1,1.0,2", "seed=0,1", f"outputs={tmp_path}"]
    made = planned(told_apart(words, []))
    assert [(job.number, job.words) for job in made.jobs] == [
        (number, (f"objective.penalty_weight={weight}", f"seed={seed}"))
        for number, (weight, seed) in enumerate([(1, 0), (1, 1), (2, 0), (2, 1)])
    ]
    assert "6 combinations make 4 different runs" in capsys.readouterr().err


def test_a_plan_is_composed_anew_when_configuration_or_code_have_changed(plan, monkeypatch, tmp_path):
    asked = told_apart([*WORDS, f"outputs={tmp_path}/outputs"], [])
    made = []
    compose_plan = planning.compose
    monkeypatch.setattr(planning, "compose", lambda words: made.append(words) or compose_plan(words))
    assert planned(asked) == plan and not made
    stale = replace(plan, stamp={**plan.stamp, "code": "0" * 64})
    stale.write()
    assert planned(asked) == plan and len(made) == 1
    (plan.directory / PLAN).write_text("{")
    assert planned(asked) == plan and len(made) == 2


def test_own_configurations_count(tmp_path):
    place = tmp_path / "conf" / "experiment"
    place.mkdir(parents=True)
    text = "# @package _global_\n# mine\ndefaults: [point_demo_gp]\nbudget: {steps: 4}\n"
    (place / "mine.yaml").write_text(text)
    asked = told_apart(["experiment=mine", "seed=0,1", f"outputs={tmp_path}/outputs"], [str(tmp_path / "conf")])
    before = planned(asked)
    (place / "mine.yaml").write_text(text.replace("4", "5"))
    after = planned(asked)
    assert after.directory == before.directory
    assert {job.plain["budget"]["steps"] for job in before.jobs} == {4}
    assert {job.plain["budget"]["steps"] for job in after.jobs} == {5}
    assert not {job.run for job in before.jobs} & {job.run for job in after.jobs}


@pytest.mark.parametrize(
    "run", ["../../evil/x", "a/../b", "/etc/passwd", "a", "point_demo_gp/..", "a/b/c", ".hidden/x"]
)
def test_a_plan_leads_nowhere_out_of_its_outputs(plan, run):
    path = plan.directory / PLAN
    value = json.loads(path.read_text())
    value["jobs"][1]["run"] = run
    path.write_text(json.dumps(value))
    with pytest.raises(UserError, match=r"plan\.json is damaged"):
        Plan.read(plan.directory)


@pytest.mark.parametrize("change", [{"jobs": []}, {"codes": []}, {"layout": 2}, {"words": 3}, {"stamp": {}}])
def test_a_damaged_plan_is_named(plan, change):
    path = plan.directory / PLAN
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(UserError, match=r"plan\.json is damaged"):
        Plan.read(plan.directory)


def test_what_others_have_changed_of_a_plan_is_theirs(plan, monkeypatch, tmp_path):
    path = plan.directory / PLAN
    path.write_text(path.read_text().replace("kantor.nets.mlp.MLP", "shutil.rmtree"))
    theirs = Plan.read(plan.directory)
    assert theirs.of_others
    with pytest.raises(UserError, match=r"shutil\.rmtree"):
        theirs.configuration(theirs.jobs[0], code="refuse")
    assert planned(told_apart([*WORDS, f"outputs={tmp_path}/outputs"], [])) == plan
    monkeypatch.setenv("KANTOR_CACHE", str(tmp_path / "of_another_user"))
    assert Plan.read(plan.directory) == replace(plan, of_others=True)


def test_what_is_no_plan_is_said(plan, tmp_path):
    assert is_plan(plan.directory) and is_plan(plan.directory / PLAN) and not is_plan(tmp_path)
    with pytest.raises(UserError, match="expected the directory of a plan"):
        named_plan(str(tmp_path))


def test_more_jobs_than_anybody_means_are_refused_before_they_are_composed():
    with pytest.raises(UserError, match="1,000,000 jobs"):
        planned(told_apart(["experiment=point_demo_gp", "seed=range(1000)", "budget.steps=range(1,1001)", *FAST], []))
