"""`kantor train -m search=…`: the total is exact and the best is found, whatever diverges or is killed."""

import signal
import sys

import pytest
from apart import Apart
from small_runs import BRIEF, NARROW

from kantor.engine import train
from kantor.runs import lease, lease_files
from kantor.search.goal import Goal
from kantor.search.study import Study
from kantor.sweeps.plan import Plan

RUN = (
    "experiment=point_demo_gp",
    "primary_score=w1",
    "budget.steps=20",
    "pictures=none",
    *BRIEF,
    *NARROW,
    "trainer.progress=false",
    "evaluation.n=64",
    "evaluation.chunk=64",
    "evaluation.draws=2",
    "evaluation.every=10",
)
SEARCH = ("train", "-m", *RUN)
RANDOM = (*SEARCH, "search=random", "optimisation.generator.lr=tag(log,interval(1e-4,1e-2))", "search.trials=3")
DIVERGING = (*SEARCH, "search=grid", "optimisation.critic.lr=1e20,1e-3,1e-2")
W1 = (Goal("w1", "lower"),)


def directory_of(root):
    (found,) = (root / "outputs" / "sweeps").iterdir()
    return found


def trials(root):
    """Of the study."""
    return Study(directory_of(root), W1).known()


def states(root):
    return [one.state for one in trials(root)]


def runs(root):
    """status.json of every trial's run."""
    plan = Plan.read(directory_of(root))
    return [plan.directory_of(job).status() for job in plan.jobs]


def outcomes(root):
    return [[one["outcome"] for one in status["attempts"]] for status in runs(root)]


def weights(root):
    return {path.relative_to(root): path.read_bytes() for path in root.rglob("generator.safetensors")}


def test_a_trial_that_diverges_has_failed_and_the_best_is_found(kantor, tmp_path):
    done = kantor(*DIVERGING)
    assert "3 of 3 trials: 2 done, 1 failed" in done.stdout and "Try a lower learning rate" in done.stdout
    assert states(tmp_path) == ["failed", "finished", "finished"]
    plan = Plan.read(directory_of(tmp_path))
    cards = [plan.directory_of(job).card() for job in plan.jobs[1:]]
    values = [card["evaluations"][0]["scores"]["w1"]["value"] for card in cards]
    assert [one.losses[0] for one in trials(tmp_path)[1:]] == values
    best = 1 + values.index(min(values))
    assert f"best  trial {best} with w1 {min(values):.4g}: {plan.jobs[best].words[0]}" in done.stdout
    assert f"{plan.jobs[best].words[0]} seed=1,2,3,4,5`" in done.stdout
    told = [plan.directory_of(job).environment()["search"] for job in plan.jobs]
    assert told == [{"study": plan.directory.name, "trial": number} for number in range(3)]
    kantor(*DIVERGING)
    kantor("work", str(plan.directory), "failed=again")
    assert outcomes(tmp_path) == [["failed"], ["finished"], ["finished"]], "a trial is tried once"


def test_a_finished_search_is_told_without_hydra_torch_and_optuna(kantor, tmp_path, monkeypatch):
    kantor(*DIVERGING)
    for heavy in ("torch", "hydra", "omegaconf", "optuna"):
        monkeypatch.setitem(sys.modules, heavy, None)
    assert "3 of 3 trials: 2 done, 1 failed" in kantor(*DIVERGING).stdout
    assert "best  trial" in kantor("status", str(directory_of(tmp_path))).stdout


def test_more_trials_go_on_with_the_search(kantor, tmp_path):
    kantor(*RANDOM, "search.trials=1")
    first = trials(tmp_path)
    assert "3 of 3 trials: 3 done" in kantor(*RANDOM).stdout
    assert trials(tmp_path)[:1] == first and states(tmp_path) == ["finished"] * 3
    fewer = kantor(*RANDOM, "search.trials=1")
    assert "3 of 3 trials: 3 done" in fewer.stdout
    assert "3 trials were asked for before, 1 are now: those there are stay and count" in fewer.stderr
    assert not kantor(*RANDOM).stderr
    assert outcomes(tmp_path) == [["finished"]] * 3


def test_a_plan_never_loses_its_jobs_and_is_written_by_whoever_asks(kantor, tmp_path, monkeypatch):
    kantor(*RANDOM, "search.trials=1")
    written, write = [], Plan.write

    def noted(plan):
        written.append((len(plan.jobs), lease.is_held(plan.directory, lease_files.ASKING)))
        write(plan)

    monkeypatch.setattr(Plan, "write", noted)
    kantor(*RANDOM, "search.trials=2")
    assert written == [(1, True), (2, True)]


@pytest.mark.long
def test_killed_between_asking_and_telling_and_continued_equals_uninterrupted(kantor, tmp_path, monkeypatch):
    """Killed in the second trial, in half a checkpoint."""
    places, words = [tmp_path / "killed", tmp_path / "whole"], (*RANDOM, "search.trials=2")
    for place in places:
        place.mkdir()
    monkeypatch.chdir(places[0])
    assert Apart(tmp_path / "log", *words, signalled=(6, signal.SIGKILL)).wait() == -signal.SIGKILL
    assert states(places[0])[-1] == "open"
    kantor(*words)
    monkeypatch.chdir(places[1])
    kantor(*words)
    assert trials(places[0]) == trials(places[1])
    assert weights(places[0]) == weights(places[1])
    assert outcomes(places[0]) == [["finished"], ["killed", "finished"]]


@pytest.mark.long
def test_two_at_once_share_a_search(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = (*RANDOM, "search.trials=3")
    both = [Apart(tmp_path / f"log{index}", *words) for index in range(2)]
    assert [one.wait() for one in both] == [0, 0]
    assert states(tmp_path) == ["finished"] * 3
    assert outcomes(tmp_path) == [["finished"]] * 3
    assert len({one.values["optimisation.generator.lr"] for one in trials(tmp_path)}) == 3


def test_what_the_machine_has_failed_is_no_trial_that_failed(kantor, tmp_path, monkeypatch):
    """Nor is another one asked for, which would fail as well."""

    def fail(*arguments, **settings):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(train, "launch", fail)
        assert "1 of 3 trials: 1 stopped" in kantor(*RANDOM, check=1).stdout
    assert states(tmp_path) == ["open"]
    assert "3 of 3 trials: 3 done" in kantor(*RANDOM).stdout
    assert outcomes(tmp_path) == [["failed", "finished"], ["finished"], ["finished"]]


PRUNED = (
    *SEARCH, "budget.steps=40", "search=grid", "optimisation.generator.lr=1e-2,1e-6", "pruner=median",
    "pruner.n_startup_trials=1", "pruner.n_warmup_steps=0",
)  # fmt: skip


def test_a_hopeless_trial_is_pruned_and_can_be_trained_to_its_end(kantor, tmp_path):
    done = kantor(*PRUNED)
    assert "2 of 2 trials: 1 done, 1 pruned" in done.stdout and "for others scored better by then" in done.stdout
    assert states(tmp_path) == ["finished", "pruned"]
    status = runs(tmp_path)[1]
    assert (status["state"], status["attempts"][0]["outcome"]) == ("running", "pruned")
    assert status["counters"]["steps"] < 40
    assert kantor(*PRUNED).stdout == done.stdout and outcomes(tmp_path)[1] == ["pruned"]
    assert "stopped" in kantor("status").stdout
    slow = (*RUN, "budget.steps=40", "optimisation.generator.lr=1e-6")
    kantor("train", *slow)
    assert outcomes(tmp_path)[1] == ["pruned", "finished"]
    whole = tmp_path / "whole"
    kantor("train", *slow, f"outputs={whole}")
    (there,) = weights(whole).values()
    assert there in weights(tmp_path / "outputs" / "point_demo_gp").values()


def test_several_scores_have_a_front(kantor, tmp_path):
    words = ("search=nsga2", "search.trials=3", "search.scores=[w1,within_3_sigma]", "ema=default,none")
    done = kantor(*SEARCH, "optimisation.generator.lr=interval(1e-4,1e-2)", *words)
    assert "3 of 3 trials: 3 done" in done.stdout
    assert "trial" in done.stdout.splitlines()[1] and "within_3_sigma" in done.stdout.splitlines()[1]
    study = Study(directory_of(tmp_path), (Goal("w1", "lower"), Goal("within_3_sigma", "target", 0.98889)))
    assert all(len(one.losses) == 2 for one in study.known())
    assert "best  trial" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("search=tpee", "ema=default,none"), "tpe"),
        (("search=tpe",), "nothing to search"),
        (("search=tpe", "seed=0,1"), "no setting to search"),
        (("search=tpe", "objective=hinge,hing"), "nearest: hinge"),
        (("search=tpe", "ema=default,none", "search.trials=0"), "above 0"),
        (("search=tpe", "ema=default,none", "search.scores=[w3]"), "no w3"),
        (("search=tpe", "ema=default,none", "search.scores=[critic_w1]"), "better than another"),
        (("search=tpe", "ema=default,none", "search.scores=[w1,w2]", "pruner=median"), "several"),
        (("search=cmaes", "ema=default,none", "search.scores=[w1,w2]"), "multi-objective"),
        (("search=tpe", "ema=default,none", "search.sampler.n_startup_trials=x"), "search.sampler"),
        (("search=tpe", "ema=default,none", "evaluation=none"), "needs scores"),
        (("search=tpe", "ema=default,none", "hydra/launcher=joblib"), "kantor work"),
        (("search=tpe", "ema=default,none", "rerun=true"), "each trial once"),
        (("search=grid", "optimisation.generator.lr=interval(0,1)"), "no end of values"),
        (("search.trials=3", "ema=default,none"), "no search is chosen"),
    ],
)
def test_what_is_wrong_is_said_before_any_trial(kantor, tmp_path, words, said):
    plain = [word for word in SEARCH if not (word.startswith("evaluation.") and "evaluation=none" in words)]
    assert said in kantor(*plain, *words, check=2).stderr
    assert not list(tmp_path.rglob("status.json"))


def test_a_search_is_no_single_run(kantor):
    assert "train -m" in kantor("train", *RUN, "search=tpe", check=2).stderr


def test_the_study_of_somebody_else_is_not_opened(kantor, tmp_path):
    """A sampler may have left a pickle in it."""
    kantor(*DIVERGING, "search.trials=1", check=1)
    plan = directory_of(tmp_path)
    written = (plan / "plan.json").read_text()
    (plan / "plan.json").write_text(written.replace('"trials": 1', '"trials": 2'))
    assert "somebody else" in kantor("work", str(plan), check=2).stderr
    assert "somebody else" in kantor(*DIVERGING, check=2).stderr
    (plan / "plan.json").unlink()
    assert "somebody else" in kantor(*DIVERGING, check=2).stderr
    (plan / "study.log").unlink()
    assert "3 of 3 trials: 2 done, 1 failed" in kantor(*DIVERGING).stdout
