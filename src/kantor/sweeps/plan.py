"""A plan: which runs a sweep consists of, each with all that it takes to be trained, in outputs/sweeps/HASH/plan.json.

It is composed once and never changed by those who work on it: how far the runs are stands in their own directories.
Only that of a search gets one job after another.
Beside it lie `jobs/K.json`, why job K failed as far as its run cannot say, and what launchers write.
"""

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kantor.atomic import write_text
from kantor.digests import canonical
from kantor.errors import UserError
from kantor.paths import path_of
from kantor.plain_files import is_plain
from kantor.runs import door
from kantor.runs.directory import RunDirectory
from kantor.runs.shapes import Shape, Unlike, anything, count, listed, long_text, mapped, maybe, name, record, text
from kantor.search import terms
from kantor.search.terms import Terms
from kantor.search.trial import Trial
from kantor.signatures import is_signed, signature

if TYPE_CHECKING:
    from kantor.config.schema import Configuration

PLAN = "plan.json"
BYTES = 1 << 26
MOST_JOBS = 10_000
LAYOUT = 1

Leaves = dict[str, Any]
"""Values by dotted key."""


@dataclass(frozen=True)
class Job:
    """One run of a sweep.

    Attributes:
        number: its place in the plan, from 0.
        words: those of the command line that not all jobs share.
        run: EXPERIMENT/HASH-sSEED below `outputs`; empty of a job that cannot be one.
        plain: the configuration; `auto` stands where the machine decides that trains it.
        named: what the user gave of it.
        code: the SHA-256 of the source of every `_target_`, as it was when the plan was made.
        refused: why there is no such run; None where there is.
    """

    number: int
    words: tuple[str, ...]
    run: str
    plain: Mapping[str, Any]
    named: Mapping[str, Any]
    code: Mapping[str, str]
    refused: str | None = None

    @property
    def label(self) -> str:
        """What it is called in sentences."""
        return " ".join(self.words) or f"job {self.number}"


@dataclass(frozen=True)
class Plan:
    """The jobs of a sweep.

    Attributes:
        directory: where it lies.
        words: of the command line.
        config_dirs: directories with further groups.
        stamp: of what it was composed from: configuration files and code.
        jobs: the runs.
        search: the terms of a search, whose jobs are asked for one by one; None of a grid.
        of_others: whether somebody else may have written it.
    """

    directory: Path
    words: tuple[str, ...]
    config_dirs: tuple[str, ...]
    stamp: Mapping[str, Any]
    jobs: tuple[Job, ...]
    search: Terms | None = None
    of_others: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether it has all its jobs."""
        return self.search is None or len(self.jobs) >= self.search.trials

    @property
    def outputs(self) -> Path:
        """The root of run directories, wherever it was moved."""
        above = self.directory.parents
        return above[1] if len(above) > 1 else self.directory.absolute().parents[1]

    def directory_of(self, job: Job) -> RunDirectory:
        """Where the run of a job lies."""
        return RunDirectory(self.outputs / job.run)

    def configuration(self, job: Job, *, code: str) -> "Configuration":
        """What a job trains, on this machine.

        Args:
            job: one that is not refused.
            code: what becomes of a finished run that other code has made.

        Raises:
            UserError: a value contradicts another, or somebody else's plan names what is not trusted.
        """
        from kantor.config.compose import resolved

        whole = resolved({**job.plain, "outputs": str(self.outputs), "code": code}, job.named)
        return replace(whole, of_run=self.of_others)

    def trial(self, job: Job) -> Trial | None:
        """What a job is to a search; None in a grid. What somebody else has written names no pruner."""
        if self.search is None:
            return None
        search = replace(self.search, pruner=None) if self.of_others else self.search
        return Trial(self.directory.absolute(), job.number, search)

    def write(self) -> None:
        """Write plan.json, whole or not at all."""
        first = next((job for job in self.jobs if job.refused is None), None)
        base, named = ({}, {}) if first is None else (_leaves(first.plain), dict(first.named))
        codes = [dict(one) for one in {json.dumps(job.code, sort_keys=True): job.code for job in self.jobs}.values()]
        jobs = [
            {
                "words": list(job.words),
                "run": job.run,
                "config": _difference(base, _leaves(job.plain)),
                "named": _difference(named, dict(job.named)),
                "code": codes.index(dict(job.code)),
                "refused": job.refused,
            }
            for job in self.jobs
        ]
        value = {
            "layout": LAYOUT,
            "words": list(self.words),
            "config_dirs": list(self.config_dirs),
            "stamp": dict(self.stamp),
            "search": None if self.search is None else self.search.plain(),
            "config": base,
            "named": named,
            "codes": codes,
        }
        value["signature"] = signature(canonical({**value, "jobs": jobs}))
        lines = [f"  {json.dumps(key)}: {json.dumps(entry, ensure_ascii=False)}" for key, entry in value.items()]
        listing = ",\n".join(f"    {json.dumps(job, ensure_ascii=False)}" for job in jobs)
        text = "{\n" + ",\n".join(lines) + ',\n  "jobs": [\n' + listing + "\n  ]\n}\n"
        write_text(self.directory / PLAN, text)

    @classmethod
    def read(cls, directory: Path) -> "Plan":
        """The plan of a directory.

        Raises:
            UserError: there is none, or it is damaged.
        """
        path = directory / PLAN
        value = _checked(path)
        base, codes = value["config"], value["codes"]
        jobs = tuple(
            Job(
                number,
                tuple(one["words"]),
                one["run"],
                _tree(_changed(base, one["config"])),
                _changed(value["named"], one["named"]),
                codes[one["code"]],
                one["refused"],
            )
            for number, one in enumerate(value["jobs"])
        )
        search = None if value["search"] is None else Terms.of(value["search"])
        signed = {key: entry for key, entry in value.items() if key != "signature"}
        of_others = not is_signed(canonical(signed), value["signature"])
        return cls(
            directory, tuple(value["words"]), tuple(value["config_dirs"]), value["stamp"], jobs, search, of_others
        )


def is_plan(path: Path) -> bool:
    """Whether a plan is named: its directory, or plan.json."""
    return path.name == PLAN or is_plain(path / PLAN)


def named_plan(given: str) -> Plan:
    """The plan that a user names: its directory, or plan.json.

    Raises:
        UserError: there is none.
    """
    path = path_of(given)
    directory = path.parent if path.name == PLAN else path
    if not is_plain(directory / PLAN):
        raise UserError(
            f"{given}: expected the directory of a plan, such as outputs/sweeps/HASH, which `kantor train -m …` makes "
            "and names"
        )
    return Plan.read(directory)


def _difference(base: Leaves, other: Leaves) -> list[Any]:
    """What has to be set and what has to be taken out of `base` for `other`."""
    put = {key: value for key, value in other.items() if key not in base or not _same(base[key], value)}
    return [put, [key for key in base if key not in other]]


def _same(one: object, other: object) -> bool:
    return type(one) is type(other) and one == other


def _changed(base: Leaves, difference: list[Any]) -> Leaves:
    put, out = difference
    return {**{key: put.get(key, value) for key, value in base.items() if key not in out}, **put}


def _leaves(tree: Mapping[str, Any], prefix: str = "") -> Leaves:
    """The innermost values of nested mappings; an empty mapping is one."""
    found: Leaves = {}
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            found |= _leaves(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found


def _tree(leaves: Leaves) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for key, value in leaves.items():
        *above, last = key.split(".")
        node = tree
        for part in above:
            node = node.setdefault(part, {})
        node[last] = value
    return tree


def _run(value: object, place: str) -> None:
    """Where a run lies below `outputs`, and nowhere else."""
    if value != "":
        parts = str(value).split("/")
        if len(parts) != 2:
            raise Unlike(place, "EXPERIMENT/HASH-sSEED")
        for part in parts:
            name(part, place)


def _patch(value: Any, place: str) -> None:
    if not isinstance(value, list) or len(value) != 2:
        raise Unlike(place, "what is set and what is taken out")
    mapped(anything)(value[0], place)
    listed(text)(value[1], place)


JOB: Shape = record(
    {
        "words": listed(long_text),
        "run": _run,
        "config": _patch,
        "named": _patch,
        "code": count,
        "refused": maybe(long_text),
    }
)
SHAPE: Shape = record(
    {
        "words": listed(long_text),
        "config_dirs": listed(text),
        "stamp": record({"files": text, "code": text, "own": listed(text)}),
        "search": maybe(terms.SHAPE),
        "config": mapped(anything),
        "named": mapped(anything),
        "codes": listed(mapped(text), most=MOST_JOBS),
        "jobs": listed(JOB, most=MOST_JOBS),
        "signature": text,
    }
)


def _checked(path: Path) -> dict[str, Any]:
    """What plan.json holds.

    Raises:
        UserError: it is missing or damaged.
    """
    written, what = door.text(path, BYTES), "it is not valid JSON"
    with contextlib.suppress(ValueError, RecursionError, Unlike):
        value: Any = json.loads(written)
        if isinstance(value, dict) and value.get("layout") != LAYOUT:
            what = f"it has layout {value.get('layout')!r}, this kantor reads {LAYOUT}"
            raise ValueError
        what = "it holds no jobs"
        SHAPE(value, "")
        if (value["jobs"] or value["search"]) and all(one["code"] < len(value["codes"]) for one in value["jobs"]):
            return dict(value)
    raise UserError(f"{path} is damaged ({what}): the `kantor train -m …` that made it, given again, makes it anew")
