"""A plan: which runs a sweep consists of, each with all that it takes to be trained, in outputs/sweeps/HASH/plan.json.

It is composed once and never changed by those who work on it: how far the runs are stands in their own directories.
Only that of a search gets one job after another.
Beside it lie `jobs/K.json`, why job K failed as far as its run cannot say, and what launchers write.
"""

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
from kantor.runs.directory import RunDirectory
from kantor.search.terms import Terms
from kantor.search.trial import Trial
from kantor.signatures import is_signed, signature
from kantor.sweeps.plan_file import LAYOUT, changed, checked, difference, leaves_of, tree_of

if TYPE_CHECKING:
    from kantor.config.schema import Configuration

PLAN = "plan.json"


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
        base, named = ({}, {}) if first is None else (leaves_of(first.plain), dict(first.named))
        codes = [dict(one) for one in {json.dumps(job.code, sort_keys=True): job.code for job in self.jobs}.values()]
        jobs = [
            {
                "words": list(job.words),
                "run": job.run,
                "config": difference(base, leaves_of(job.plain)),
                "named": difference(named, dict(job.named)),
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
        value = checked(path)
        base, codes = value["config"], value["codes"]
        jobs = tuple(
            Job(
                number,
                tuple(one["words"]),
                one["run"],
                tree_of(changed(base, one["config"])),
                changed(value["named"], one["named"]),
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
