"""What W&B wrote offline, read back: a log of records in blocks of 32 KiB, as LevelDB has them."""

import json
import struct
from pathlib import Path

from wandb.proto.wandb_internal_pb2 import Record

from kantor.tracking.weights_and_biases import SLOTS

HEADER, BLOCK = 7, 1 << 15


def records(path: Path) -> list[Record]:
    """All whole records of a .wandb file."""
    content, place, found, part = path.read_bytes(), HEADER, [], b""
    while place + HEADER <= len(content):
        if BLOCK - place % BLOCK < HEADER:
            place += BLOCK - place % BLOCK
            continue
        _, length, kind = struct.unpack("<IHB", content[place : place + HEADER])
        part += content[place + HEADER : place + HEADER + length]
        place += HEADER + length
        if kind in (1, 4):  # the whole, or the last of it
            found.append(Record.FromString(part))
            part = b""
    return found


def directories(run: Path) -> list[Path]:
    """Those that W&B wrote in a run directory."""
    return sorted(run.glob("wandb/offline-run-*"))


class Offline:
    """The only run that W&B wrote in a run directory.

    Attributes:
        begun: what W&B was told at the beginning.
        config: the configuration then.
        rows: the history by steps of the run, of which W&B's own are a hundredth, without its clocks; pictures by their
            digest.
        summary: the same of the summary.
        artefacts: files by artefact.
        exit_code: how it ended; None of one that has not.
    """

    def __init__(self, run: Path) -> None:
        (self.directory,) = directories(run)
        (path,) = self.directory.glob("*.wandb")
        found = records(path)
        self.begun = next(one.run for one in found if one.HasField("run"))
        self.config = _plain(self.begun.config.update)
        self.rows = [
            {"_step": one.history.step.num / SLOTS, **_plain(one.history.item)}
            for one in found
            if one.HasField("history")
        ]
        self.axes = {
            one.metric.name or one.metric.glob_name: one.metric.step_metric for one in found if one.HasField("metric")
        }
        self.summary: dict = {}
        for one in found:
            self.summary |= _plain(one.summary.update)
        self.artefacts = {
            one.artifact.type: {entry.path: entry.local_path for entry in one.artifact.manifest.contents}
            for one in found if one.HasField("artifact")
        }  # fmt: skip
        self.exit_code = next((one.exit.exit_code for one in found if one.HasField("exit")), None)

    def steps_of(self, name: str) -> list[float]:
        """At which a value or a picture was logged."""
        return [row["_step"] for row in self.rows if name in row or f"{name}/sha256" in row]


def _plain(items) -> dict:
    values = {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in items}
    return {key: value for key, value in values.items() if not key.startswith("_") and not key.endswith("/path")}
