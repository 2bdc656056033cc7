"""What methods are called: the experiment's name where it differs, and the settings that differ, as they are given.

`penalty_weight=10` and `penalty_weight=1`; `objective=hinge` beside `objective=wasserstein_gp penalty_weight=10`. A
setting is one that determines the weights. Below a `_target_` that differs, settings are held against those of methods
with the same one. A hash is a name of last resort, and said to be one.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import yaml

from kantor.config.files import CONF
from kantor.report import units
from kantor.report.cards import flatten
from kantor.report.summary import Summary
from kantor.runs.identity import determining
from kantor.visible import visible

KEYS_NAMED = 3
"""More than so many differing settings are cut down to those that it takes to tell methods apart."""
TARGET = "_target_"
Settings = Mapping[str, Any]


def method_labels(methods: Sequence[Summary]) -> tuple[list[str], list[str]]:
    """A label for each method, all different, and notes on those that only a hash or a path tells apart.

    Args:
        methods: one run of each.
    """
    names = [one.experiment for one in methods]
    several = len(set(names)) > 1
    labels = [""] * len(methods)
    for name in dict.fromkeys(names):
        places = [place for place, other in enumerate(names) if other == name]
        trained = [place for place in places if methods[place].config]
        told = dict(
            zip(trained, settings_apart([settings_of(methods[place].config) for place in trained]), strict=True)
        )
        for place in places:
            parts = [*([name] if several or not told.get(place) else []), *([told[place]] if told.get(place) else [])]
            labels[place] = " ".join(parts)
    return unlike(labels, methods)


def settings_of(config: Settings) -> dict[str, Any]:
    """What of a configuration determines the weights, by dotted key."""
    return flatten(determining(config))


def settings_apart(settings: Sequence[Settings]) -> list[str]:
    """For each method the settings that differ, as words; empty where there is no other method or no difference."""
    keys = needed(differing(settings), settings)
    short = short_names(keys)
    return [visible(" ".join(dict.fromkeys(f"{short[key]}={said(key, each[key])}" for key in keys if key in each)))
            for each in settings]  # fmt: skip


def differences(configs: Sequence[Settings]) -> list[tuple[str, list[str]]]:
    """Every setting that determines the weights and is not the same in all methods, with one value per method.

    Args:
        configs: the resolved configuration of each.
    """
    settings = [settings_of(config) for config in configs]
    keys = [
        key
        for key in dict.fromkeys(key for each in settings for key in each)
        if len({repr(each.get(key)) for each in settings}) > 1
    ]
    return [(key, [units.plain(each[key]) if key in each else units.MISSING for each in settings]) for key in keys]


def differing(settings: Sequence[Settings]) -> list[str]:
    """The keys that are not equal in all methods between which they can be compared, in the order of the settings."""

    def peers(key: str) -> list[list[Settings]]:
        above = [f"{prefix}.{TARGET}" for prefix in prefixes(key) if f"{prefix}.{TARGET}" != key]
        groups: dict[tuple[str, ...], list[Settings]] = {}
        for each in settings:
            groups.setdefault(tuple(str(each.get(target)) for target in above), []).append(each)
        return list(groups.values())

    found = [
        key
        for key in dict.fromkeys(key for each in settings for key in each)
        if any(len({repr(each.get(key)) for each in group}) > 1 for group in peers(key))
    ]
    return sorted(found, key=lambda key: not key.endswith(TARGET))  # what a thing is before how it is set


def prefixes(key: str) -> list[str]:
    """`a` and `a.b` of `a.b.c`."""
    parts = key.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts))]


def needed(keys: list[str], settings: Sequence[Settings]) -> list[str]:
    """At most `KEYS_NAMED` keys as they are; of more, only those without which some methods would be alike."""
    if len(keys) <= KEYS_NAMED:
        return keys
    kinds = len({values(keys, each) for each in settings})
    kept = list(keys)
    for key in reversed(keys):
        fewer = [other for other in kept if other != key]
        if len({values(fewer, each) for each in settings}) == kinds:
            kept = fewer
    return kept


def values(keys: Sequence[str], each: Settings) -> tuple[str, ...]:
    """What a method has at some keys."""
    return tuple(repr(each.get(key)) for key in keys)


def short_names(keys: Sequence[str]) -> dict[str, str]:
    """Each key's last part, or as many parts as tell it from the others."""
    spoken = {key: key.removesuffix(f".{TARGET}") for key in keys}

    def last(key: str, parts: int) -> str:
        return ".".join(spoken[key].split(".")[-parts:])

    short = {}
    for key in keys:
        others = [other for other in keys if other != key]
        lengths = range(1, len(spoken[key].split(".")) + 1)
        short[key] = next(
            (last(key, n) for n in lengths if all(last(other, n) != last(key, n) for other in others)), spoken[key]
        )
    return short


def said(key: str, value: object) -> str:
    """A value as it is given: the option of a group for its `_target_`, else the name of the class."""
    if not key.endswith(f".{TARGET}"):
        return units.plain(value)
    group, text = key.removesuffix(f".{TARGET}"), str(value)
    return options_by_target(group).get(text, text.rpartition(".")[2])


@lru_cache
def options_by_target(group: str) -> dict[str, str]:
    """A group's options by their `_target_`, as far as it tells one option."""
    files = sorted((CONF / group).glob("*.yaml")) if "." not in group else []
    targets = [((yaml.safe_load(file.read_text(encoding="utf-8")) or {}).get(TARGET), file.stem) for file in files]
    count = Counter(target for target, _ in targets)
    return {target: option for target, option in targets if target is not None and count[target] == 1}


def unlike(labels: Sequence[str], methods: Sequence[Summary]) -> tuple[list[str], list[str]]:
    """The labels with the hash, or else the path, where two would be the same, and why."""
    hashed, notes = lengthened(labels, methods, lambda one: None if one.config_hash is None else one.config_hash[:10])
    if notes:
        notes = [
            f"{', '.join(notes)} differ in no setting, only in their hash: other data or other code, or a file of "
            "theirs was edited."
        ]
    whole, pathed = lengthened(hashed, methods, lambda one: f"({one.run.path})")
    if pathed:
        notes.append(f"{', '.join(pathed)}: nothing but the path tells these apart.")
    return whole, notes


def lengthened(
    labels: Sequence[str], methods: Sequence[Summary], more: Callable[[Summary], str | None]
) -> tuple[list[str], list[str]]:
    """The labels, longer where two are the same, and those that became longer."""
    count = Counter(labels)
    added = [more(one) if count[label] > 1 else None for label, one in zip(labels, methods, strict=True)]
    whole = [label if extra is None else f"{label} {extra}" for label, extra in zip(labels, added, strict=True)]
    return whole, [label for label, extra in zip(whole, added, strict=True) if extra is not None]
