"""Which measurements runs share. Scores are ranked under one protocol only; else the differing fields are named.

What all scores of an evaluation share has one hash, each score with its estimator another: a round of a comparison is
of one of the former, and within it a score is compared where the latter is equal.
"""

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kantor.errors import UserError
from kantor.report import units
from kantor.report.cards import Evaluation, flatten

FIELDS_NAMED = 12  # a sentence that lists more of them helps nobody
NAMES_SHOWN = 2


@dataclass(frozen=True)
class Shared:
    """What runs share.

    Attributes:
        places: of the runs that stay.
        rounds: for each protocol that all of these share one evaluation per run, its last.
        notes: on the runs that were left out.
    """

    places: list[int]
    rounds: list[list[Evaluation]]
    notes: list[str]


def shared_protocols(
    names: Sequence[str], evaluations: Sequence[Sequence[Evaluation]], methods: Sequence[int]
) -> Shared:
    """The protocols that all runs share, or most of them.

    Runs that lack what more than half of the runs have are left out, as long as two methods remain (or the only one).

    Args:
        names: the runs' paths, for messages.
        evaluations: each run's evaluations, none empty.
        methods: which method each run is of.

    Raises:
        UserError: there is none; the sentence names the fields that differ with their values.
    """
    last = [{evaluation.protocol_hash: evaluation for evaluation in ours} for ours in evaluations]
    most = most_held(last)
    places = [place for place, ours in enumerate(last) if most[0] in ours]
    too_few = len({methods[place] for place in places}) < min(2, len(set(methods)))
    if len(places) < len(last) and (2 * len(places) <= len(last) or too_few):
        raise UserError(unlike(names, evaluations))
    shared = [key for key in last[places[0]] if all(key in last[place] for place in places)]
    rounds = [[last[place][key] for place in places] for key in shared]
    return Shared(places, rounds, left_out(names, evaluations, last[places[0]][most[0]], places))


def most_held(last: Sequence[dict[str, Evaluation]]) -> list[str]:
    """The protocols that the most runs have, in the order in which they first appear."""
    holding: dict[str, int] = {}
    for ours in last:
        for key in ours:
            holding[key] = holding.get(key, 0) + 1
    return [key for key, count in holding.items() if count == max(holding.values())]


def left_out(
    names: Sequence[str], evaluations: Sequence[Sequence[Evaluation]], reference: Evaluation, places: Sequence[int]
) -> list[str]:
    """A note on each run without the protocol of the others, with the fields that differ."""
    notes = []
    for place, name in enumerate(names):
        if place not in places:
            nearest = min(evaluations[place], key=lambda one: distance(reference, one))
            fields = differing_fields(("the others", "it"), (reference, nearest)) or [EDITED]
            notes.append(
                f"Left out, for it was not scored as the others were: {name}; {'; '.join(fields[:FIELDS_NAMED])}. "
                f"{remedy(name, reference, nearest, fields)}."
            )
    return notes


EDITED = "protocol_hash, although the protocols read alike (a card was edited, or another kantor wrote it)"


def differing_fields(names: Sequence[str], chosen: Sequence[Evaluation]) -> list[str]:
    """`protocol.n_generated: 1024 (outputs/a) and 512 (outputs/b)` for every field that is not the same everywhere.

    Estimators are those of single scores.
    """
    shared = [{**evaluation.protocol, "estimators": {}} for evaluation in chosen]
    return unequal_fields(names, [flatten(fields, "protocol") for fields in shared])


def unequal_fields(names: Sequence[str], flat: Sequence[dict[str, Any]]) -> list[str]:
    """`field: value (who) and other value (who else)` for every field that is not the same everywhere."""
    sentences = []
    for path in dict.fromkeys(path for fields in flat for path in fields):
        by_value = holders((units.plain(fields[path]) if path in fields else "absent" for fields in flat), names)
        if len(by_value) > 1:
            sentences.append(f"{path}: " + " and ".join(f"{value} ({few(who)})" for value, who in by_value.items()))
    return sentences


def holders(values: Iterable[str], names: Iterable[str]) -> dict[str, list[str]]:
    """Who has each value, in the order in which the values first appear."""
    by_value: dict[str, list[str]] = {}
    for value, name in zip(values, names, strict=True):
        by_value.setdefault(value, []).append(name)
    return by_value


def few(names: Sequence[str], shown: int = NAMES_SHOWN) -> str:
    """At most so many of some names, and how many more there are."""
    more = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {more} more" if more > 0 else "")


def of_equal_hash(names: Sequence[str], chosen: Sequence[Evaluation]) -> tuple[list[Evaluation], list[str]]:
    """The evaluations, each score only where its own hash is that of the most runs, and notes on the others.

    Args:
        names: of the runs.
        chosen: their evaluations under one protocol.
    """
    kept, notes = [dict(one.scores) for one in chosen], []
    for name in dict.fromkeys(name for one in chosen for name in one.scores):
        there = [place for place, one in enumerate(chosen) if name in one.scores]
        by_hash = holders((chosen[place].scores[name].protocol_hash for place in there), map(str, there))
        most = max(by_hash.values(), key=len)
        if len(by_hash) > 1:
            estimators = [flatten(chosen[place].protocol.get("estimators", {}).get(name), name) for place in there]
            fields = unequal_fields([names[place] for place in there], estimators) or [f"{name}: {EDITED}"]
            notes.append(f"Not the same score everywhere, compared where it is that of most: {'; '.join(fields)}.")
            for place in there:
                if str(place) not in most:
                    del kept[place][name]
    return [replace(one, scores=scores) for one, scores in zip(chosen, kept, strict=True)], notes


def distance(a: Evaluation, b: Evaluation) -> int:
    """In how many fields two protocols differ."""
    return len(differing_fields(("a", "b"), (a, b)))


def most_alike(evaluations: Sequence[Sequence[Evaluation]]) -> tuple[Evaluation, list[Evaluation]]:
    """An evaluation under one of the protocols that the most runs have, and of each run the one nearest to it.

    Of several such protocols the one with the fewest differences.
    """
    held = most_held([{one.protocol_hash: one for one in ours} for ours in evaluations])
    candidates = []
    for key in held:
        reference = next(one for ours in evaluations for one in ours if one.protocol_hash == key)
        chosen = [
            min(ours, key=lambda one: (one.protocol_hash != key, distance(reference, one))) for ours in evaluations
        ]
        candidates.append((reference, chosen))
    return min(candidates, key=lambda pair: sum(distance(pair[0], one) for one in pair[1]))


def unlike(names: Sequence[str], evaluations: Sequence[Sequence[Evaluation]]) -> str:
    """The sentence for runs without a shared protocol."""
    reference, chosen = most_alike(evaluations)
    fields = differing_fields(names, chosen) or [EDITED]
    more = f"; and {len(fields) - FIELDS_NAMED} more" if len(fields) > FIELDS_NAMED else ""
    odd = [place for place, one in enumerate(chosen) if one.protocol_hash != reference.protocol_hash]
    who = ""
    if 2 * len(odd) < len(chosen):
        lack = "lacks" if len(odd) == 1 else "lack"
        who = f" ({few([names[place] for place in odd], 6)} {lack} that of the others)"
    return (
        f"these runs share no protocol{who}, so their scores cannot be compared: {'; '.join(fields[:FIELDS_NAMED])}"
        f"{more}. {remedy(names[odd[0]], reference, chosen[odd[0]], fields)}"
    )


def remedy(name: str, reference: Evaluation, other: Evaluation, fields: Sequence[str]) -> str:
    """What to do about a run that was not scored as a reference was."""
    if any(field.startswith("protocol.data.") for field in fields):
        return "Their data differ: compare runs of one data set with the same settings"
    from_files = other.sampling.get("sampler") == "file"
    what = ("images=PATH data=NAME out=" if from_files else "run=") + shlex.quote(name)
    return (
        f"Score them under one, for example `kantor evaluate {what} evaluation={shlex.quote(reference.name)}` with the "
        "same settings, then compare again"
    )
