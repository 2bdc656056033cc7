"""The words of a search, told from those of its runs."""

import pytest

from kantor.config.files import options
from kantor.errors import UserError
from kantor.search.words import identifying, is_search, settings


@pytest.mark.parametrize("name", options("search", []))
def test_every_search_has_its_settings(name):
    found = settings([f"search={name}", "experiment=point_demo_gp"], [])
    assert not found.prunes and found.scores is None and found.seed == 0


@pytest.mark.parametrize("name", options("pruner", []))
def test_every_pruner_can_be_named(name):
    assert settings(["search=tpe", f"pruner={name}"], []).prunes == (name != "none")


def test_settings_are_set():
    words = ["search=tpe", "search.trials=7", "search.seed=3", "search.scores=[w1,w2]", "pruner=median"]
    found = settings([*words, "pruner.n_warmup_steps=5", "search.sampler.n_startup_trials=2"], [])
    assert (found.trials, found.seed, found.scores) == (7, 3, ("w1", "w2"))
    assert (found.pruner["n_warmup_steps"], found.sampler["n_startup_trials"]) == (5, 2)


@pytest.mark.parametrize(
    "word",
    ["search=pte", "search.trials=0", "search.trials=1,2", "search.seed=x", "search.scores=w1", "pruner=most",
     "search.budget=3"],
)  # fmt: skip
def test_a_wrong_word_is_told(word):
    with pytest.raises(UserError, match=word.partition("=")[0].rpartition(".")[2]):
        settings([*(["search=tpe"] if not word.startswith("search=") else []), word], [])


def test_settings_without_a_search_are_told():
    with pytest.raises(UserError, match="no search is chosen"):
        is_search(["experiment=a", "search.trials=3"])
    assert not is_search(["experiment=a", "seed=0,1"])


def test_more_trials_are_the_same_search():
    assert identifying(["search=tpe", "search.trials=9", "a=1,2"]) == ["search=tpe", "a=1,2"]
