"""A verification: what was found of each claim of a finished run, kept in its verifications/."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kantor.atomic import write_json
from kantor.errors import UserError
from kantor.runs.directory import RunDirectory
from kantor.runs.provenance import provenance

LEVELS = ("files", "score", "prefix", "full")
"""What is done again: nothing, the scores, the first steps, everything."""

EQUAL, WITHIN, DIFFERENT, UNCHECKED = "equal", "within the interval", "different", "not checked"


@dataclass(frozen=True)
class Finding:
    """What was found of one claim.

    Attributes:
        claim: what it is of.
        verdict: equal (to the bit), within the interval, different, or not checked.
        told: what was compared, or what is wrong.
    """

    claim: str
    verdict: str
    told: str


@dataclass(frozen=True)
class Difference:
    """What was otherwise when the run was made, and may be why something differs."""

    what: str
    then: str
    now: str

    def __str__(self) -> str:
        return f"{self.what} was {self.then} and is {self.now}"


@dataclass(frozen=True)
class Verification:
    """All that was found at one level.

    Attributes:
        level: one of `LEVELS`.
        findings: of each claim.
        differences: between then and now.
        first: the first step at which the training differs; None where none does, or none was done again.
    """

    level: str
    findings: Sequence[Finding]
    differences: Sequence[Difference] = ()
    first: int | None = None

    @property
    def verdict(self) -> str:
        """The worst that was found."""
        found = {one.verdict for one in self.findings}
        return next((verdict for verdict in (DIFFERENT, WITHIN) if verdict in found), EQUAL)

    def plain(self) -> dict[str, Any]:
        """As a file holds it."""
        return {
            "level": self.level,
            "verdict": self.verdict,
            "first_differing_step": self.first,
            "findings": [asdict(one) for one in self.findings],
            "differences": [asdict(one) for one in self.differences],
            "made_by": provenance(),
        }


def looked_at(claim: str, told: str, wrong: Callable[[], str | None]) -> Finding:
    """What was found of a claim by a look at files.

    Args:
        claim: what it is of.
        told: what was compared.
        wrong: says what is wrong, or None; a file that cannot be read is wrong.
    """
    try:
        sentence = wrong()
    except UserError as error:
        sentence = str(error)
    return Finding(claim, EQUAL, told) if sentence is None else Finding(claim, DIFFERENT, sentence)


def keep(run: RunDirectory, verification: Verification) -> Path:
    """Write a verification beside those of before; its path.

    Raises:
        OSError: the run cannot be written to.
    """
    when = datetime.now(UTC)
    path = run.verifications / f"{verification.level}-{when:%Y%m%dT%H%M%S.%fZ}.json"
    write_json(path, {"when": when.isoformat(timespec="seconds"), **verification.plain()})
    return path
