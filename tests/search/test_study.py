"""A study: trials are asked for once, whatever is killed, and are a function of the seed and of those before them."""

import errno
import functools
from types import SimpleNamespace

import pytest
from optuna.samplers import RandomSampler

from kantor.config import targets
from kantor.config.files import options
from kantor.errors import LeaseLost
from kantor.runs import lease, lease_files
from kantor.search.goal import Goal
from kantor.search.space import Space
from kantor.search.study import JOURNAL, Study, alone, seed_of
from kantor.search.words import settings

LOWER = Goal("w1", "lower")
SPACE = Space.of(["a=range(0,4)", "b=x,y,z"])
POINTS = Space.of(["a=interval(-1,1)", "b=interval(-1,1)"])


chosen = functools.cache(lambda *words: settings(list(words), []))
"""Composed once: nobody changes it."""


def sampler(name, number, seed=0):
    node = dict(chosen(f"search={name}").sampler)
    return targets.instantiate(node, key="search.sampler", seed=seed_of(seed, number))


def bowl(values):
    return sum(float(value) ** 2 for value in values.values())


def searched(directory, name, trials, *, space=POINTS, goals=(LOWER,), failing=(), seed=0):
    """Trials up to a number, each told before the next."""
    study = Study(directory, goals)
    for number in range(len(study.known()), trials):
        study.ask(sampler(name, number, seed), space.distributions)
        if number in failing:
            study.fail(number)
        else:
            study.finish(number, [bowl(study.known()[number].values)] * len(goals))
    return study


def goals_of(name):
    return (LOWER, Goal("w2", "lower")) if name == "nsga2" else (LOWER,)


@pytest.mark.parametrize("name", [name for name in options("search", []) if name != "grid"])
def test_continued_equals_uninterrupted(tmp_path, name):
    goals = goals_of(name)
    for part, ends in (("whole", (20,)), ("parts", (3, 4, 13, 20))):
        (tmp_path / part).mkdir()
        for end in ends:
            searched(tmp_path / part, name, end, goals=goals, failing=(2,))
    whole, parts = Study(tmp_path / "whole", goals).known(), Study(tmp_path / "parts", goals).known()
    assert whole == parts
    assert [one.number for one in whole] == list(range(20))
    assert whole[2].state == "failed"
    assert len({tuple(one.values.values()) for one in whole}) >= 18, "a sampler of one seed draws trial 0 again"


@pytest.mark.parametrize("name", ["tpe", "cmaes"])
def test_samplers_learn(tmp_path, name):
    losses = [one.losses[0] for one in searched(tmp_path, name, 40).known()]
    assert sorted(losses[20:])[10] < sorted(losses[:8])[4]


def test_another_seed_is_another_search(tmp_path):
    for seed in (0, 1):
        (tmp_path / str(seed)).mkdir()
        searched(tmp_path / str(seed), "random", 2, seed=seed)
    assert Study(tmp_path / "0", (LOWER,)).known() != Study(tmp_path / "1", (LOWER,)).known()


def test_a_grid_has_every_combination_once(tmp_path):
    study = Study(tmp_path, (LOWER,))
    for number in range(12):
        study.ask(sampler("grid", number), SPACE.distributions)
    found = [tuple(one.values.values()) for one in study.known()]
    assert found[:5] == [(0, "x"), (1, "x"), (2, "x"), (3, "x"), (0, "y")]
    assert len(set(found)) == 12


def test_the_journal_outlives_half_a_line(tmp_path):
    """What a full disk leaves of one; what is written next is not part of it."""
    before = searched(tmp_path, "random", 3).known()
    with (tmp_path / JOURNAL).open("ab") as file:
        file.write(b'{"op_code":4,"work')
    assert searched(tmp_path, "random", 4).known()[:3] == before
    assert len(Study(tmp_path, (LOWER,)).known()) == 4


def test_a_journal_that_cannot_be_written_is_the_machines_error(tmp_path, monkeypatch):
    """Which says nothing of the settings, and names the file."""
    assert Study(tmp_path, (LOWER,)).known() == []

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("kantor.search.study._lock", lambda path: SimpleNamespace(acquire=full, release=full))
    with pytest.raises(OSError, match=r"No space left on device: '.*study\.log'"):
        Study(tmp_path, (LOWER,))


def test_what_is_told_twice_is_told_once(tmp_path):
    study = searched(tmp_path, "random", 1)
    before = study.known()
    study.fail(0)
    study.finish(0, [0.0])
    assert study.known() == before


@pytest.mark.parametrize("better", ["lower", "higher"])
@pytest.mark.parametrize("name", ["median", "halving", "hyperband"])
def test_a_pruner_ends_the_worst_and_never_the_best(tmp_path, name, better):
    """Trials as good as their number, one after another: the last ones, which are the worst, are ended early."""
    study, sign = Study(tmp_path, (Goal("w1", better),)), 1 if better == "lower" else -1
    node = dict(chosen("search=random", f"pruner={name}").pruner)
    ended = []
    for number in range(20):
        study.ask(sampler("random", number), POINTS.distributions)
        for point in range(1, 10):
            study.report(number, point, sign * float(number))
            if study.is_hopeless(number, point, targets.instantiate(node, key="pruner")):
                ended.append(number)
                study.prune(number)
                break
        else:
            study.finish(number, [sign * float(number)])
    assert 0 not in ended
    assert ended, name


def test_a_decision_is_the_same_after_a_resumption(tmp_path):
    """What a trial reported beyond the point at which it goes on has no say there."""
    study = Study(tmp_path, (LOWER,))
    node = dict(chosen("search=random", "pruner=median").pruner)
    for number in range(5):
        study.ask(sampler("random", number), POINTS.distributions)
        for point in (1, 2, 3):
            study.report(number, point, 1.0)
        study.finish(number, [1.0])
    study.ask(sampler("random", 5), POINTS.distributions)
    for point, loss in ((2, 9.0), (3, 0.5)):
        study.report(5, point, loss)
    pruner = targets.instantiate(node, key="pruner")
    assert study.is_hopeless(5, 2, pruner)
    assert not study.is_hopeless(5, 3, pruner)
    assert not study.is_hopeless(5, 4, pruner), "nothing was reported there"


class Interrupting(RandomSampler):
    """While it is asked, something else happens."""

    def __init__(self, happens):
        super().__init__(seed=0)
        self._happens = happens

    def infer_relative_search_space(self, study, trial):
        self._happens()
        return super().infer_relative_search_space(study, trial)


def test_a_trial_that_somebody_else_added_meanwhile_is_the_next(tmp_path):
    study, other = Study(tmp_path, (LOWER,)), Study(tmp_path, (LOWER,))
    study.ask(Interrupting(lambda: other.ask(sampler("random", 0), POINTS.distributions)), POINTS.distributions)
    (known,) = study.known()
    assert known == other.known()[0]


def test_who_stood_still_while_asking_adds_nothing(tmp_path):
    """Somebody elsewhere has taken the next lease from it."""
    study = Study(tmp_path, (LOWER,))

    def taken_over():
        assert lease.is_held(tmp_path, lease_files.ASKING)
        (tmp_path / f"{lease_files.ASKING}.2").write_bytes(b"{}")

    with pytest.raises(LeaseLost, match="lost to 2"), alone(tmp_path):
        study.ask(Interrupting(taken_over), POINTS.distributions)
    assert study.known() == []
