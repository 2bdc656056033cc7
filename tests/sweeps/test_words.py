"""The words of a sweep: which give a plan its name, and which do not."""

import re
from pathlib import Path

import pytest

from kantor.errors import UserError
from kantor.sweeps.words import told_apart

WORDS = ["experiment=point_demo_gp", "seed=0,1", "optimisation.critic.lr=1e-3,1e-4"]


def named(*words, config_dirs=()):
    return told_apart([*WORDS, *words], config_dirs).hash


@pytest.mark.parametrize(
    "words",
    [
        ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2"),
        ("code=accept",),
        ("rerun=true",),
        ("outputs=elsewhere",),
    ],
)
def test_how_runs_are_made_and_where_they_lie_gives_no_other_plan(words):
    assert named(*words) == named()


def test_the_order_of_words_gives_no_other_plan_but_that_of_one_key_does():
    assert told_apart(WORDS[::-1], ()).hash == named()
    assert named("seed=2", "seed=3") != named("seed=3", "seed=2")


def test_other_runs_have_another_plan(tmp_path):
    others = {named(), named("budget.steps=3"), named("seed=2"), named(config_dirs=[str(tmp_path)])}
    assert len(others) == 4


def test_words_are_told_apart():
    given = ["outputs='a,b'", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "+hydra.launcher.more.x=1",
             "code=rerun", "rerun=True"]  # fmt: skip
    asked = told_apart([*WORDS, *given], [])
    assert asked.runs == (*WORDS, "outputs='a,b'")
    assert asked.outputs == Path("a,b") and asked.directory == Path("a,b", "sweeps", asked.hash)
    assert (asked.launcher, asked.launching, asked.code, asked.rerun) == (
        "joblib", ("hydra.launcher.n_jobs=2", "+hydra.launcher.more.x=1"), "rerun", True,
    )  # fmt: skip


@pytest.mark.parametrize(
    "word", ["code=yes", "rerun=1", "outputs=a,b", "outputs=", "hydra.sweep.dir=x", "+hydra.x=1", "hydra/sweeper=basic"]
)
def test_what_no_sweep_can_be_told_is_named(word):
    with pytest.raises(UserError, match=re.escape(word.partition("=")[0])):
        told_apart([*WORDS, word], [])
