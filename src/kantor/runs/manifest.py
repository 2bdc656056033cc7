"""manifest.json: the SHA-256 of the files that a finished run vouches for and of what its status.json tells of the
training, and each setting of its configuration.

What can be made again of other files (card, figures, page) is not in it. Evaluations made later are added. It shows
that something was changed since; whoever does that on purpose can write it anew, and then only the weights can tell.
"""

import hashlib
import os
from io import BufferedReader
from pathlib import Path
from typing import Any

import yaml

from kantor.atomic import write_json
from kantor.config.checks import at, keys
from kantor.digests import canonical, sha256
from kantor.errors import UserError
from kantor.messages import say
from kantor.plain_files import is_plain
from kantor.runs import door, schemas
from kantor.runs.directory import RunDirectory

FILES = ("config.yaml", "environment.json", "metrics.csv", "digests.csv", "health.json")
BELOW = ("checkpoints/*.ckpt", "checkpoints/*.safetensors", "evaluations/*.json", "samples/step_*")
OF_STATUS = ("attempts", "budget", "cost", "counters")
"""What stays as it is when training has ended."""


def write_manifest(run: RunDirectory, status: dict[str, Any]) -> None:
    """Write down what a run holds that has all its files but this status.json, which comes last."""
    there = [run.path / name for name in FILES]
    there += [path for pattern in BELOW for path in sorted(run.path.glob(pattern))]
    files = {str(path.relative_to(run.path)): content_of(path) for path in there if is_plain(path)}
    told = {"files": files, "status": parts_of(status), "settings": settings(run.config())}
    write_json(run.manifest_json, told)


def add_to_manifest(run: RunDirectory, path: Path) -> None:
    """Vouch for a file that has just been made, where the run has a manifest."""
    if not is_plain(run.manifest_json):
        return
    try:
        manifest = read_manifest(run)
    except UserError as error:
        say(f"{path.name} is not vouched for: {error}")
    else:
        files = {**manifest["files"], str(path.relative_to(run.path)): content_of(path)}
        write_json(run.manifest_json, {**manifest, "files": files})


def read_manifest(run: RunDirectory) -> dict[str, Any]:
    """What a run vouches for.

    Raises:
        UserError: it is missing or damaged.
    """
    return door.read_json(run.manifest_json, schemas.MANIFEST)


def parts_of(status: dict[str, Any]) -> dict[str, str]:
    """The digest of each part of status.json that tells of the training."""
    return {part: sha256(status[part]) for part in OF_STATUS}


def settings(plain: dict[str, Any]) -> dict[str, str]:
    """Each value of a configuration as JSON, by dotted key; an empty mapping is a value."""
    values = {key: at(plain, key) for key in keys(plain)}
    return {key: canonical(value) for key, value in values.items() if not value or not isinstance(value, dict)}


def content_of(path: Path) -> dict[str, Any]:
    """Size and SHA-256 of a file of a run.

    Raises:
        UserError: it is missing, or no plain file.
    """
    with door.opened(path) as file, door.reading(path):
        return {"bytes": file.seek(0, os.SEEK_END), "sha256": _sha256(file)}


def is_as_told(path: Path, told: dict[str, Any]) -> bool:
    """Whether a file of a run has the content that a manifest says; one of another size is not read.

    Raises:
        UserError: it is missing, or no plain file.
    """
    with door.opened(path) as file, door.reading(path):
        return file.seek(0, os.SEEK_END) == told["bytes"] and _sha256(file) == told["sha256"]


def _sha256(file: BufferedReader) -> str:
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()


def line_of(run: RunDirectory, key: str) -> int | None:
    """The line of config.yaml at which a dotted key has its value; None where there is no such key."""
    node = yaml.compose(door.text(run.config_yaml, door.YAML_BYTES), Loader=yaml.SafeLoader)
    for part in key.split("."):
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        node = next((value for name, value in pairs if name.value == part), None)
    return None if node is None else node.start_mark.line + 1
