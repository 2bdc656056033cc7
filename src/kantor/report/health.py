"""The findings of the health checks of training: health.json.

`{"findings": [{"step", "check", "message", "gone"}, …]}`, oldest first.
"""

from dataclasses import dataclass
from pathlib import Path

from kantor.plain_files import is_plain
from kantor.runs import door, schemas
from kantor.runs.directory import RunDirectory


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
    if not is_plain(path):
        return []
    return [
        Finding(entry["step"], entry["check"], entry["message"], entry.get("gone"))
        for entry in door.read_json(path, schemas.HEALTH)["findings"]
    ]
