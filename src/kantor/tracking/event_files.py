"""TensorBoard: event files in DIR/tensorboard; the x-axis is steps, and times are those of the run.

What lies there is read when a run is begun: what it has is not written again, and what is beyond the run's files is
taken back, as TensorBoard does it.
"""

import os
import re
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import yaml
from PIL import Image

from kantor.plain_files import is_plain
from kantor.runs.pictures import FORMATS
from kantor.temporaries import HOST
from kantor.tracking.about import About
from kantor.tracking.sink import check_package, flattened, scores

PLACE = "tensorboard"
"""In the run directory."""


@dataclass(eq=False)
class TensorBoard:
    """Event files, by TensorBoard's own writer of records; no torch."""

    name: ClassVar[str] = "tensorboard"

    def __post_init__(self) -> None:
        self._writer: Any = None
        self._about: About | None = None
        self._time = 0.0
        self._have: dict[tuple[str, int], bytes] = {}

    @property
    def awaited(self) -> bool:
        """Never."""
        return False

    def check(self) -> None:
        """Its package has to be there."""
        check_package("tensorboard", "tensorboard")

    def begin(self, about: About) -> None:
        """Settings, for the table of them and as text."""
        if self._about is not None:
            self._about = about
            return
        from tensorboard.compat.proto import event_pb2
        from tensorboard.plugins.hparams import metadata
        from tensorboard.plugins.hparams import summary_v2 as hparams

        self._have = _there(about.directory / PLACE)
        self._about, self._time = about, about.began
        if any(step > about.reached for _, step in self._have):
            self._have = {key: one for key, one in self._have.items() if key[1] <= about.reached}
            start = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
            self._add(event_pb2.Event(step=about.reached + 1, session_log=start))
        if (metadata.SESSION_START_INFO_TAG, 0) not in self._have:
            flat = {key: _setting(value) for key, value in flattened(about.configuration).items()}
            summary = hparams.hparams_pb(flat, trial_id=about.id, start_time_secs=about.began)
            self._add(event_pb2.Event(step=0, summary=summary))
        self._text("configuration", yaml.safe_dump(dict(about.configuration), sort_keys=False, allow_unicode=True), 0)

    def row(self, counters: Mapping[str, int], values: Mapping[str, float]) -> None:
        """One point of each curve."""
        from tensorboard.compat.proto import event_pb2, summary_pb2

        assert self._about is not None
        step = counters["steps"]
        self._time = self._about.began + values.get("seconds", 0.0)
        new = {tag: value for tag, value in {**counters, **values}.items() if (tag, step) not in self._have}
        if tag_values := [summary_pb2.Summary.Value(tag=tag, simple_value=value) for tag, value in new.items()]:
            self._add(event_pb2.Event(step=step, summary=summary_pb2.Summary(value=tag_values)))
            self._have |= dict.fromkeys(((tag, step) for tag in new), b"")
            self._writer.flush()

    def picture(self, name: str, counters: Mapping[str, int], path: Path) -> None:
        """The file as it is; an animation moves. One that is the one before once more is not given."""
        from tensorboard.compat.proto import event_pb2, summary_pb2

        step, content = counters["steps"], path.read_bytes()
        last = max((at for tag, at in self._have if tag == name), default=None)
        if (name, step) in self._have or (last is not None and self._have[name, last] == content):
            return
        with Image.open(path, formats=FORMATS) as image:
            width, height = image.size
        picture = summary_pb2.Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=content)
        self._have[name, step] = content
        summary = summary_pb2.Summary(value=[summary_pb2.Summary.Value(tag=name, image=picture)])
        self._add(event_pb2.Event(step=step, summary=summary))

    def card(self, card: Mapping[str, Any], files: Mapping[str, Path]) -> None:
        """The scores, as text; TensorBoard has no other place for what is there once."""
        assert self._about is not None
        found = {key: f"{value:.6g}" for key, value in scores(card).items()}
        self._text("card", yaml.safe_dump({"state": card["status"], **found}, sort_keys=False), self._about.reached)

    def end(self, state: str) -> None:
        """Close the file; the table of settings shows a finished run as such."""
        from tensorboard.compat.proto import event_pb2, summary_pb2
        from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2

        if self._about is not None:
            if state == "finished" and (metadata.SESSION_END_INFO_TAG, 0) not in self._have:
                info = plugin_data_pb2.SessionEndInfo(status=api_pb2.STATUS_SUCCESS, end_time_secs=self._time)
                told = metadata.create_summary_metadata(plugin_data_pb2.HParamsPluginData(session_end_info=info))
                ended = summary_pb2.Summary.Value(
                    tag=metadata.SESSION_END_INFO_TAG, metadata=told, tensor=metadata.NULL_TENSOR
                )
                self._add(event_pb2.Event(step=0, summary=summary_pb2.Summary(value=[ended])))
            if self._writer is not None:
                self._writer.close()
            self._writer, self._about, self._have = None, None, {}

    def _text(self, name: str, text: str, step: int) -> None:
        """A text in a fixed-width font; one that is there as it is, or that has a later one, is not given again."""
        from tensorboard.compat.proto import event_pb2, summary_pb2
        from tensorboard.compat.proto.tensor_pb2 import TensorProto
        from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
        from tensorboard.plugins.text.metadata import create_summary_metadata

        content = "".join(f"    {line}\n" for line in text.splitlines()).encode()
        tag = f"{name}/text_summary"
        if self._have.get((tag, step)) == content:
            return
        self._have[tag, step] = content
        shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=1)])
        tensor = TensorProto(dtype="DT_STRING", string_val=[content], tensor_shape=shape)
        value = summary_pb2.Summary.Value(tag=tag, tensor=tensor, metadata=create_summary_metadata(name, ""))
        self._add(event_pb2.Event(step=step, summary=summary_pb2.Summary(value=[value])))

    def _add(self, event: Any) -> None:
        """Write; there is no file before there is something new."""
        if self._writer is None:
            from tensorboard.compat.proto import event_pb2
            from tensorboard.summary.writer.record_writer import RecordWriter

            assert self._about is not None
            self._writer = RecordWriter(_next_file(self._about.directory / PLACE).open("xb"))
            self._writer.write(event_pb2.Event(wall_time=self._time, file_version="brain.Event:2").SerializeToString())
        event.wall_time = self._time
        self._writer.write(event.SerializeToString())


def _next_file(directory: Path) -> Path:
    """One that TensorBoard reads after those that are there, by its name: two attempts may begin in one second."""
    directory.mkdir(exist_ok=True)
    there = (re.match(r"events\.out\.tfevents\.(\d{10})\.", path.name) for path in directory.iterdir())
    last = max((int(found[1]) for found in there if found is not None), default=0)
    return directory / f"events.out.tfevents.{max(int(time.time()), last + 1):010d}.{HOST}.{os.getpid()}"


def _setting(value: object) -> bool | int | float | str:
    """A value as TensorBoard's table of settings takes it."""
    return value if isinstance(value, bool | int | float | str) else str(value)


def _there(directory: Path) -> dict[tuple[str, int], bytes]:
    """Tag and step of what event files have, with what it is where that is a picture or a text; what was taken back is
    not there. The last event of a file may be torn by a kill."""
    from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader
    from tensorboard.compat.proto.event_pb2 import SessionLog

    have: dict[tuple[str, int], bytes] = {}
    for path in sorted(one for one in directory.glob("events.out.tfevents.*") if is_plain(one, follow=False)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for event in LegacyEventFileLoader(str(path)).Load():
                if event.HasField("session_log") and event.session_log.status == SessionLog.START:
                    have = {key: one for key, one in have.items() if key[1] < event.step}
                for value in event.summary.value:
                    shown = value.image.encoded_image_string or b"".join(value.tensor.string_val)
                    have[value.tag, event.step] = shown
    return have
