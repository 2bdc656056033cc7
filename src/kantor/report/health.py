"""The findings of the health checks of training: health.json.

`{"findings": [{"step", "check", "message", "gone"}, …]}`, oldest first.
"""

from dataclasses import dataclass
from pathlib import Path

from kantor.runs.directory import RunDirectory, read_json


@dataclass(frozen=True)
class Finding:
    """Since which step, by which check, what is wrong and what to try, and by which step it had gone."""

    step: int
    check: str
    message: str
    gone: int | None


def health_json(run: RunDirectory) -> Path:
    """Where the findings stand; there is no such file while there are none."""
    return run.path / "health.json"


def read_findings(run: RunDirectory) -> list[Finding]:
    """Oldest first.

    Raises:
        UserError: the file is damaged.
    """
    path = health_json(run)
    if not path.is_file():
        return []
    return [
        Finding(int(entry["step"]), str(entry["check"]), str(entry["message"]), entry.get("gone"))
        for entry in read_json(path).get("findings") or []
    ]
