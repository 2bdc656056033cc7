"""What can be asked of a verification of a run. It is checked before torch is there."""

from collections.abc import Sequence

from kantor.config.files import SCORING
from kantor.errors import UserError
from kantor.report.summary import summarise
from kantor.runs.directory import RunDirectory
from kantor.runs.identity import UNHASHED_DATA
from kantor.runs.verification import LEVELS

MACHINE = ("trainer.threads", "trainer.nodes", "trainer.devices", "trainer.accelerator", "trainer.progress")
"""What may be otherwise where a run is trained again; the weights may then differ, which is said."""


def check_words(directory: RunDirectory, level: str, given: Sequence[str], steps: int | None) -> None:
    """Check what is asked for.

    Raises:
        UserError: it cannot be done.
    """
    if level not in LEVELS:
        raise UserError(f"level={level}: expected one of {', '.join(LEVELS)}")
    if steps is not None and level != "prefix":
        raise UserError(f"steps={steps}: only level=prefix trains some of the steps; leave it out")
    allowed = [*MACHINE, *(f"data.{name}" for name in UNHASHED_DATA)] if level != "files" else []
    for key in given:
        if key not in allowed and not (level == "score" and key.partition(".")[0] in SCORING):
            expected = f"expected one of {', '.join(allowed)}" if allowed else "it only reads files"
            raise UserError(f"{key}: another value proves nothing at level={level}; {expected}: leave it out")
    if directory.status()["state"] != "finished":
        state = summarise(directory).state_now
        raise UserError(
            f"run={directory.path} is {state}: only a finished run can be verified; its command finishes it"
        )
