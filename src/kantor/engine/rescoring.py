"""A rescoring: the scores of a run made again, and compared with those that it has.

Bits are equal where code and machine are. Where something of these differs, so may the last digits: then a score is
confirmed when it lies in the interval that is found now.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from kantor.engine.integrity import first_difference
from kantor.runs.directory import RunDirectory
from kantor.runs.verification import DIFFERENT, EQUAL, UNCHECKED, WITHIN, Finding

MEASUREMENT = ("at_step", "protocol_hash", "sampling", "draw")
"""What two records have in common that are of the same samples, scored by the same protocol."""

READ_BY = ("protocol_hash", "better", "target", "aspect", "covers", "bounds", "depends_on_n")
"""How a score is read."""

NUMBERS = ("value", "low", "high", "values", "floor")


def compared(run: RunDirectory, made: Mapping[str, Any], *, alike: bool) -> list[Finding]:
    """What is found of a run's evaluations.

    Args:
        run: as it was sent.
        made: the record of the evaluation as it is made now.
        alike: whether code and machine are those of then, so that bits are.
    """
    now, records = json.loads(json.dumps(made)), run.evaluation_files()
    named = [one for one in records if one["name"] == now["name"]]
    same = [one for one in named if all(one[part] == now[part] for part in MEASUREMENT)]
    if not same:
        return [*unlike(named, now), *others(run, named)]
    return [*of_scores(same[-1], now, alike=alike), *others(run, same[-1:])]


def unlike(named: list[dict[str, Any]], now: dict[str, Any]) -> Iterator[Finding]:
    """That no record is of the evaluation that the configuration describes."""
    if not named:
        yield Finding(
            f"evaluation {now['name']}", DIFFERENT, "config.yaml describes it, and the run has none of this name"
        )
    for one in named:
        parts = ("at_step", "protocol", "sampling", "draw")
        place = first_difference({part: one[part] for part in parts}, {part: now[part] for part in parts})
        yield Finding(f"evaluation {now['name']}", DIFFERENT, f"{place} is not what config.yaml makes it")


def others(run: RunDirectory, seen: list[dict[str, Any]]) -> Iterator[Finding]:
    """The evaluations that config.yaml does not describe: somebody asked for them later."""
    for one in run.evaluation_files():
        if one not in seen:
            yield Finding(f"evaluation {one['name']}", UNCHECKED, "not the one that the configuration describes")


def of_scores(then: dict[str, Any], now: dict[str, Any], *, alike: bool) -> Iterator[Finding]:
    """What is found of each score of one evaluation."""
    if then["digest"] != now["digest"]:
        yield Finding(
            f"evaluation {now['name']}", DIFFERENT, "its samples were drawn by other weights than the run has"
        )
    for name, score in then["scores"].items():
        if name in now["scores"]:
            yield of_score(name, score, now["scores"][name], alike=alike)
        else:
            yield Finding(name, UNCHECKED, "config.yaml does not ask for it")
    place = first_difference(_timeless(then.get("error_budget")), _timeless(now.get("error_budget")))
    if "error_budget" in now:
        yield Finding(
            "error budget", EQUAL if place is None else DIFFERENT, f"{place} differs" if place else "all rows"
        )


def of_score(name: str, then: dict[str, Any], now: dict[str, Any], *, alike: bool) -> Finding:
    """What is found of one."""
    for part in READ_BY:
        if then.get(part) != now.get(part):
            return Finding(name, DIFFERENT, f"{part} was {then.get(part)} and is {now.get(part)}")
    place = first_difference({part: then.get(part) for part in NUMBERS}, {part: now.get(part) for part in NUMBERS})
    if place is None:
        return Finding(name, EQUAL, shown(now))
    told = f"{place}: it was {shown(then)} and is {shown(now)}"
    held = now["low"] is not None and then["value"] is not None and now["low"] <= then["value"] <= now["high"]
    return Finding(name, WITHIN if held and not alike else DIFFERENT, told)


def shown(score: dict[str, Any]) -> str:
    """A value with its interval."""
    if score["value"] is None:
        return "no value"
    interval = "" if score.get("low") is None else f" [{score['low']:.6g}, {score['high']:.6g}]"
    return f"{score['value']:.9g}{interval}"


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _timeless(inner) for key, inner in value.items() if key != "seconds"}
    return [_timeless(inner) for inner in value] if isinstance(value, list) else value
