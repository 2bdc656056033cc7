"""Integrity: whether the files of a finished run agree with its manifest and with one another. Nothing is computed
again, and nothing of the configuration is built.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from safetensors import safe_open

from kantor.callbacks.digests import digest_of_optimizers
from kantor.evaluation import tensor_files
from kantor.evaluation.protocol import Protocol
from kantor.plain_files import is_plain, is_there
from kantor.runs import checkpoints
from kantor.runs.card import card_of
from kantor.runs.directory import RunDirectory
from kantor.runs.identity import config_hash
from kantor.runs.manifest import is_as_told, line_of, parts_of, read_manifest, settings
from kantor.runs.verification import UNCHECKED, Finding, looked_at

ABSENT = "not there"


@dataclass(frozen=True)
class Changed:
    """A setting that has another value than when the run was finished.

    Attributes:
        key: dotted.
        line: of config.yaml; None where it was taken out.
        then: its value as JSON, or that it was not there.
        now: the same.
    """

    key: str
    line: int | None
    then: str
    now: str


def integrity(run: RunDirectory) -> list[Finding]:
    """What is found of a run's files alone."""
    found = [
        of_manifest(run),
        looked_at(
            "configuration", "experiment, seed and config_hash as environment.json has them", lambda: hash_of(run)
        ),
        looked_at("budget", "attempts, checkpoint and metrics.csv end where status.json says", lambda: budget(run)),
        *of_weights(run),
    ]
    for record in run.evaluation_files():
        told = "hashes of the protocol as they are computed, samples of the last weights"
        found.append(looked_at(f"evaluation {record['name']}", told, partial(of_record, run, record)))
    return [*found, looked_at("card", "put together from evaluations, status and environment", lambda: of_card(run))]


def of_manifest(run: RunDirectory) -> Finding:
    """Whether each file is the one that the finished run vouched for."""
    if not is_there(run.manifest_json):
        return Finding("files", UNCHECKED, "there is no manifest.json: an earlier version of kantor finished the run")
    return looked_at("files", "SHA-256 as in manifest.json", lambda: "; ".join(changes(run)) or None)


def changes(run: RunDirectory) -> Iterator[str]:
    """The files that are not what manifest.json says, of config.yaml the lines, and of status.json the parts."""
    manifest = read_manifest(run)
    for name, then in manifest["files"].items():
        path = run.path / name
        if not is_plain(path):
            yield f"{name} is missing"
        elif not is_as_told(path, then):
            found = changed_settings(run) if path == run.config_yaml else []
            told = "; ".join(
                f"{f'line {one.line}, ' if one.line else ''}{one.key} was {one.then}, is {one.now}" for one in found
            )
            yield f"{name} was changed{f' ({told})' if told else ''}"
    parts = parts_of(run.status())
    differ = [part for part, then in manifest["status"].items() if parts.get(part) != then]
    if differ:
        yield f"{run.status_json.name} was changed ({', '.join(differ)})"
    there = {str(path.relative_to(run.path)) for path in run.evaluations.glob("*.json")}
    for name in sorted(there - manifest["files"].keys()):
        yield f"{name} is not one of the files that the run vouches for"


def changed_settings(run: RunDirectory) -> list[Changed]:
    """The settings that were changed since the run was finished. None where no manifest was kept."""
    if not is_there(run.manifest_json):
        return []
    then, now = read_manifest(run)["settings"], settings(run.config())
    return [
        Changed(key, line_of(run, key), then.get(key, ABSENT), now.get(key, ABSENT))
        for key in {**then, **now}
        if then.get(key) != now.get(key)
    ]


def hash_of(run: RunDirectory) -> str | None:
    """What of the configuration is not what the run was trained by."""
    plain, made = run.config(), run.environment()
    values = {"experiment": plain["experiment"], "seed": plain["seed"], "config_hash": config_hash(plain)}
    differ = [f"{name} is {value} by config.yaml and {made[name]} by environment.json" for name, value in values.items()
              if made[name] != value]  # fmt: skip
    return "; ".join(differ) or None


def budget(run: RunDirectory) -> str | None:
    """What contradicts the counters of a run."""
    status, rows = run.status(), run.metric_rows()
    counted, planned = status["counters"], status["budget"]["steps"]
    steps = [int(row["steps"]) for row in rows]
    if not status["attempts"] or status["attempts"][-1].get("to_step") != counted["steps"]:
        return f"status.json counts {counted['steps']} steps, and its last attempt ended elsewhere"
    if planned is not None and counted["steps"] > planned:
        return f"status.json counts {counted['steps']} steps of a budget of {planned}"
    if any(after <= before for before, after in pairwise(steps)):
        return "the rows of metrics.csv are not in the order of their steps"
    if steps and steps[-1] > counted["steps"]:
        return f"metrics.csv has step {steps[-1]}, beyond the {counted['steps']} of status.json"
    last = rows[-1] if steps and steps[-1] == counted["steps"] else {}
    for name, value in counted.items():
        if name in last and last[name] != str(value):
            return f"{name} is {value} by status.json and {last[name]} by the last row of metrics.csv"
    path, _ = checkpoints.to_resume(run)
    kept = counted if path is None else checkpoints.counters(path)
    return None if kept == counted else f"{path} counts {kept}, status.json {counted}"


def of_weights(run: RunDirectory) -> Iterator[Finding]:
    """Whether checkpoints are sealed, and the last one is what digests.csv says."""
    for name in ("last", "previous", "best"):
        path = run.checkpoints / f"{name}.ckpt"
        if is_there(path):
            yield looked_at(f"{name}.ckpt", "sealed, whole", partial(fault, path))
    if not run.digest_rows():
        yield Finding("weights", UNCHECKED, "there is no digests.csv: an earlier version of kantor trained the run")
    elif not is_there(run.checkpoints / "last.ckpt"):
        yield Finding("weights", UNCHECKED, "there is no last.ckpt any more")
    else:
        yield looked_at("weights", "those of the last row of digests.csv", lambda: of_digests(run))


def fault(path: Path) -> str | None:
    """What is wrong with a checkpoint."""
    return None if checkpoints.can_be_loaded(path) else f"it is {checkpoints.fault_of(path)}"


def of_digests(run: RunDirectory) -> str | None:
    """What of the last checkpoint is not what its row of digests.csv says."""
    held, row = checkpoints.held(run.checkpoints / "last.ckpt"), run.digest_rows()[-1]
    if held["kantor_counters"]["steps"] != row.steps:
        return f"last.ckpt is of step {held['kantor_counters']['steps']}, the last row of digests.csv of {row.steps}"
    found = {
        "last.ckpt has other weights": tensor_files.digest(held["state_dict"]) != row.weights,
        "last.ckpt has other states of optimizers": digest_of_optimizers(held["optimizer_states"]) != row.optimizers,
        "generator.safetensors has other weights": exported(run)[1] not in (None, row.sampling),
    }
    differ = [what for what, differs in found.items() if differs]
    return f"{', '.join(differ)} than the last row of digests.csv says" if differ else None


def exported(run: RunDirectory) -> tuple[str | None, str | None]:
    """What the weights in generator.safetensors are called, and their digest; None where there are none."""
    path = run.checkpoints / "generator.safetensors"
    if not is_plain(path):
        return None, None
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return (file.metadata() or {}).get("weights"), tensor_files.digest(tensors)
    except Exception:  # the reader raises whatever a damaged file leads it into
        return None, "damaged"


def of_record(run: RunDirectory, record: Mapping[str, Any]) -> str | None:
    """What of the record of an evaluation contradicts itself, or the weights."""
    parts = {**dict.fromkeys(Protocol.__dataclass_fields__), **record["protocol"]}
    protocol = Protocol(**{name: parts[name] for name in Protocol.__dataclass_fields__})
    if protocol.hash != record["protocol_hash"]:
        return f"protocol_hash is {record['protocol_hash'][:10]}…, and that of its protocol {protocol.hash[:10]}…"
    for name, score in record["scores"].items():
        if name not in protocol.estimators or score.get("protocol_hash") != protocol.hash_of(name):
            return f"scores.{name}.protocol_hash is not that of its protocol"
    if (record["at_step"] or 0) > run.status()["counters"]["steps"]:
        return f"at_step is {record['at_step']}, beyond the steps of the run"
    called, digest = exported(run)
    of_last = record["sampling"].get("checkpoint") == "last" and record["sampling"].get("weights") == called
    if of_last and digest is not None and record["digest"] != digest:
        return "its samples were drawn by other weights than those of generator.safetensors"
    return None


def of_card(run: RunDirectory) -> str | None:
    """The first place at which card.json is not what is put together from the other files."""
    made = run.card()
    place = first_difference({**card_of(run, run.status()), "kantor": made["kantor"]}, made)
    return None if place is None else f"card.json: {place} is not what the run's other files say"


def first_difference(one: Any, other: Any, place: str = "") -> str | None:
    """The first place at which two plain values differ; None where none does."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in {**one, **other}:
            inner = f"{place}.{key}" if place else key
            if key not in one or key not in other:
                return inner
            if (found := first_difference(one[key], other[key], inner)) is not None:
                return found
        return None
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        inner_ones = (first_difference(a, b, f"{place}[{i}]") for i, (a, b) in enumerate(zip(one, other, strict=True)))
        return next((where for where in inner_ones if where is not None), None)
    return None if type(one) is type(other) and one == other else place or "it"
