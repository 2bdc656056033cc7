"""Which measurements runs share. Scores are ranked under one protocol only; else the differing fields are named."""

import shlex
from collections.abc import Iterable, Sequence

from kantor.errors import UserError
from kantor.report import units
from kantor.report.cards import Evaluation, flatten

FIELDS_NAMED = 12  # a sentence that lists more of them helps nobody
NAMES_SHOWN = 2


def shared_protocols(names: Sequence[str], evaluations: Sequence[Sequence[Evaluation]]) -> list[list[Evaluation]]:
    """For each protocol that all runs share, in the first run's order, one evaluation per run: its last.

    Args:
        names: the runs' paths, for the message.
        evaluations: each run's evaluations, none empty.

    Raises:
        UserError: there is none; the sentence names the fields that differ with their values.
    """
    last = [{evaluation.protocol_hash: evaluation for evaluation in ours} for ours in evaluations]
    shared = [[ours[key] for ours in last] for key in last[0] if all(key in ours for ours in last)]
    if not shared:
        raise UserError(unlike(names, evaluations))
    return shared


def differing_fields(names: Sequence[str], chosen: Sequence[Evaluation]) -> list[str]:
    """`protocol.n_generated: 1024 (outputs/a) and 512 (outputs/b)` for every field that is not the same everywhere."""
    flat = [flatten(evaluation.protocol, "protocol") for evaluation in chosen]
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


def few(names: Sequence[str]) -> str:
    """At most `NAMES_SHOWN` of some names, and how many more there are."""
    more = len(names) - NAMES_SHOWN
    return ", ".join(names[:NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def most_alike(evaluations: Sequence[Sequence[Evaluation]]) -> list[Evaluation]:
    """One evaluation per run, chosen to differ from one of the first run's in as few fields as possible."""

    def distance(a: Evaluation, b: Evaluation) -> int:
        return len(differing_fields(("a", "b"), (a, b)))

    candidates = [
        [first, *(min(ours, key=lambda one: distance(first, one)) for ours in evaluations[1:])]
        for first in evaluations[0]
    ]
    return min(candidates, key=lambda chosen: sum(distance(chosen[0], one) for one in chosen[1:]))


def unlike(names: Sequence[str], evaluations: Sequence[Sequence[Evaluation]]) -> str:
    """The sentence for runs without a shared protocol."""
    chosen = most_alike(evaluations)
    fields = differing_fields(names, chosen)
    if not fields:
        fields = ["protocol_hash, although the protocols read alike (a card was edited, or another kantor wrote it)"]
    more = f"; and {len(fields) - FIELDS_NAMED} more" if len(fields) > FIELDS_NAMED else ""
    other = next(i for i, one in enumerate(chosen) if one.protocol_hash != chosen[0].protocol_hash)
    from_files = chosen[other].sampling.get("sampler") == "file"
    what = ("images=PATH data=NAME out=" if from_files else "run=") + shlex.quote(names[other])
    remedy = (
        f"Score them under one, for example `kantor evaluate {what} evaluation={shlex.quote(chosen[0].name)}` with the "
        "same settings, then compare again"
    )
    if any(field.startswith("protocol.data.") for field in fields):
        remedy = "Their data differ: compare runs of one data set with the same settings"
    return (
        f"these runs share no protocol, so their scores cannot be compared: {'; '.join(fields[:FIELDS_NAMED])}{more}. "
        f"{remedy}"
    )
