"""The words of a search: `search=tpe search.trials=30 pruner=median`, and what they mean. Knows no Optuna."""

import importlib.util
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kantor.errors import UserError

SEARCH = "search"
PRUNER = "pruner"
TRIALS = "search.trials"
SETTINGS = ("sampler", "trials", "seed", "scores")


@dataclass(frozen=True)
class Settings:
    """How a search searches.

    Attributes:
        sampler: the node of what proposes trials.
        pruner: the node of what ends them early; its `_target_` is null where nothing does.
        trials: how many, failed ones among them; None for all that a grid has.
        seed: of the sampler.
        scores: by which trials are ranked; None for the primary score.
    """

    sampler: Mapping[str, Any]
    pruner: Mapping[str, Any]
    trials: int | None
    seed: int
    scores: tuple[str, ...] | None

    @property
    def prunes(self) -> bool:
        """Whether trials are ended early."""
        return self.pruner.get("_target_") is not None


def is_of_search(word: str) -> bool:
    """Whether a word of a sweep is of the search, and none of its runs."""
    key = word.partition("=")[0]
    return key.partition(".")[0] in (SEARCH, PRUNER)


def is_search(words: Sequence[str]) -> bool:
    """Whether a sweep is a search.

    Raises:
        UserError: it has settings of one, but none is chosen.
    """
    if any(word.startswith(f"{SEARCH}=") for word in words):
        return True
    for word in filter(is_of_search, words):
        raise UserError(f"{word}: no search is chosen; give search=tpe, or another of `kantor list search`")
    return False


def identifying(words: Sequence[str]) -> list[str]:
    """The words of a sweep by which its plan is found again: how many trials there are is none of them."""
    return [word for word in words if word.partition("=")[0] != TRIALS]


def settings(words: Sequence[str], config_dirs: Sequence[str]) -> Settings:
    """What the words of a search ask for.

    Args:
        words: of the sweep; those of its runs are passed over.
        config_dirs: directories with further groups.

    Raises:
        UserError: a word is wrong, or Optuna is not there.
    """
    if importlib.util.find_spec("optuna") is None:
        raise UserError("search= asks Optuna, which is not installed: pip install 'kantor[sweeps]'")
    from kantor.config.compose import load_options, replaced

    given = _values([word for word in words if is_of_search(word)])
    chosen = {SEARCH: str(given.pop(SEARCH)), PRUNER: str(given.pop(PRUNER, "none"))}
    whole = replaced(load_options(chosen, list(config_dirs)), list(given.items()))
    found = whole[SEARCH]
    _check(found)
    scores = found["scores"]
    return Settings(
        sampler=found["sampler"],
        pruner=whole[PRUNER],
        trials=found["trials"],
        seed=found["seed"],
        scores=None if scores is None else tuple(scores),
    )


def _values(words: Sequence[str]) -> dict[str, Any]:
    """The values of the search's own words, by key.

    Raises:
        UserError: one has several values.
    """
    from kantor.config.grammar import parse

    overrides = parse(list(words))
    for override in overrides:
        if override.is_sweep_override() or override.is_delete():
            raise UserError(f"{override.input_line}: expected one value; a list stands in brackets, [w1,w2]")
    return {override.key_or_group: override.value() for override in overrides}


def _check(found: Mapping[str, Any]) -> None:
    """Check the values of a search's settings.

    Raises:
        UserError: one is of another kind, or missing.
    """
    for name in SETTINGS:
        if name not in found:
            raise UserError(f"search.{name} has no value: give search.{name}=…")
    trials, seed, scores = found["trials"], found["seed"], found["scores"]
    if trials is not None and (not _is_whole(trials) or trials < 1):
        raise UserError(f"search.trials={trials}: expected a whole number above 0")
    if not _is_whole(seed):
        raise UserError(f"search.seed={seed}: expected a whole number")
    if scores is not None and not (
        isinstance(scores, list)
        and scores
        and all(isinstance(one, str) and re.fullmatch(r"\w+", one) for one in scores)
    ):
        raise UserError(f"search.scores={scores}: expected names of scores in brackets, such as [w1,nll]")


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
