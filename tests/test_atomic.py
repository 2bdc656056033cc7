"""Files are whole or what they were, and whatever a library makes of a full disk, the system's error names the file."""

import errno
import os
import resource
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from kantor import atomic, causes, temporaries
from kantor.atomic import append_rows, copy_file, replacing, write_json
from kantor.callbacks.pictures import write_animation, write_picture
from kantor.callbacks.points import Moment
from kantor.errors import UserError
from kantor.evaluation import tensor_files
from kantor.runs import checkpoints
from kantor.runs.checkpoints import AtomicCheckpointIO
from kantor.runs.directory import RunDirectory
from kantor.samples.files import write_samples

ROOM = 2_000
NOISE = np.random.default_rng(0).integers(256, size=(4, 64, 64, 3)).astype(np.uint8)
NUMBERS = torch.arange(4_000.0)
ORIGINAL = Path(__file__)
"""Some file or other, larger than that."""


@contextmanager
def little_room():
    """Files end after so many bytes, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def figure():
    drawing = Figure()
    drawing.subplots().plot([1, 2])
    return drawing


def exported(path):
    directory = RunDirectory(path.parent.parent)
    checkpoints.export_weights({"generator": torch.nn.Linear(60, 60)}, "raw", directory)


WRITERS = {
    "checkpoints/last.ckpt": lambda path: AtomicCheckpointIO().save_checkpoint({"numbers": NUMBERS}, path),
    "checkpoints/generator.safetensors": exported,
    "features.safetensors": lambda path: tensor_files.write(path, {"x": NUMBERS}, {}),
    "sheet.png": lambda path: write_picture(Image.fromarray(NOISE[0]), path),
    "figure.png": lambda path: write_picture(figure(), path),
    "film.gif": lambda path: write_animation([Image.fromarray(one) for one in NOISE], path),
    "moment.npz": lambda path: Moment("", NOISE, np.empty(0, np.int64), "", np.empty(0)).write(path),
    "samples.npz": lambda path: write_samples(NOISE, path),
    "samples.png": lambda path: write_samples(NOISE, path),
    "points.png": lambda path: write_samples(np.zeros((3, 2)), path),
    "copy.npy": lambda path: copy_file(ORIGINAL, path),
    "status.json": lambda path: write_json(path, list(range(2_000))),
    "metrics.csv": lambda path: append_rows(path, ["a"], [{"a": number} for number in range(2_000)], whole=True),
}
each_writer = pytest.mark.parametrize(("name", "write"), WRITERS.items(), ids=WRITERS.keys())


@each_writer
def test_a_full_disk_leaves_what_was_there_and_names_the_file(tmp_path, name, write):
    path = tmp_path / "run" / name
    path.parent.mkdir(parents=True)
    path.write_bytes(b"before")
    with little_room(), pytest.raises(OSError) as caught:
        write(path)
    assert caught.value.errno == errno.EFBIG and caught.value.filename == str(path)
    assert [(entry.name, entry.read_bytes()) for entry in path.parent.iterdir()] == [(path.name, b"before")]
    write(path)
    assert path.stat().st_size > ROOM


def test_rows_that_do_not_fit_name_their_file(tmp_path):
    (tmp_path / "metrics.csv").touch()
    with little_room(), pytest.raises(OSError) as caught:
        append_rows(tmp_path / "metrics.csv", ["a"], [{"a": number} for number in range(2_000)])
    assert caught.value.filename == str(tmp_path / "metrics.csv")


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.EINVAL, None), (errno.EOPNOTSUPP, None), (errno.ENOSYS, None),
        (errno.EIO, errno.EIO), (errno.ENOSPC, errno.ENOSPC),
    ],
)  # fmt: skip
def test_a_file_system_without_fsync_is_written_to_and_a_failing_one_is_not_believed(
    tmp_path, monkeypatch, number, code
):
    def refuse(descriptor):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(atomic.os, "fsync", refuse)
    path = tmp_path / "a.json"
    if code is None:
        write_json(path, 1)
        assert path.read_text() == "1\n"
    else:
        with pytest.raises(OSError) as caught:
            write_json(path, 1)
        assert (caught.value.errno, caught.value.filename) == (code, str(path)) and list(tmp_path.iterdir()) == []


def test_an_error_of_the_writer_itself_stays_what_it_is(tmp_path):
    with pytest.raises(KeyError), replacing(tmp_path / "a"):
        raise KeyError("x")
    assert list(tmp_path.iterdir()) == []


def test_one_process_writes_a_file_twice_at_once(tmp_path):
    with replacing(tmp_path / "a") as first, replacing(tmp_path / "a") as second:
        first.write(b"first")
        second.write(b"second")
    assert (tmp_path / "a").read_bytes() == b"first"  # whose block ended last


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "make room"), (errno.EDQUOT, "make room"), (errno.EFBIG, "make room"),
        (errno.EROFS, "name another place"), (errno.EACCES, "name another place"), (errno.EIO, "works again"),
        (errno.ESTALE, "works again"), (errno.EMFILE, "ulimit -n"), (errno.EBUSY, "KANTOR_TRACEBACK=1"),
    ],
)  # fmt: skip
def test_each_cause_has_its_remedy(number, words):
    sentence = causes.explained(OSError(number, os.strerror(number), "outputs/a"))
    assert sentence.startswith(f"outputs/a: {os.strerror(number)}: ") and words in sentence


def test_what_cannot_be_written_is_the_users_place_and_a_full_disk_is_not():
    for number, expected in ((errno.EROFS, UserError), (errno.ENOTDIR, UserError), (errno.ENOSPC, OSError)):
        with pytest.raises(expected), causes.placing("out=x", "name another"):
            raise OSError(number, os.strerror(number))


def test_a_remedy_names_the_words_that_the_command_takes():
    error = OSError(errno.EROFS, "read-only", "a")
    assert causes.explained(error).endswith("have it permitted, or name another place, outputs=DIR or out=PATH")
    for keys, words in (((), "permitted"), (("run", "out"), ", or name another place, out=PATH")):
        with causes.taking(keys):
            assert causes.explained(error).endswith(words)


@pytest.fixture
def left(tmp_path):
    """Names of temporaries in a directory: of a process that is gone, of one that lives, of another machine's."""
    gone = os.fork()
    if gone == 0:
        os._exit(0)
    os.waitpid(gone, 0)
    names = [f".a.json.{temporaries.HOST}.{number}.0123abcd.tmp" for number in (gone, os.getppid())]
    names.append(f".a.json.elsewhere.{gone}.0123abcd.tmp")
    for name in names:
        (tmp_path / name).touch()
    return names


def test_what_a_killed_process_left_is_taken_away_and_no_other_file(tmp_path, left):
    own = {"b.tmp", f".mine.{temporaries.HOST}.1.tmp"}
    for name in own:
        (tmp_path / name).touch()
    write_json(tmp_path / "a.json", 1)
    assert {path.name for path in tmp_path.iterdir()} == {"a.json", *own, *left[1:]}


def test_a_run_under_its_lock_keeps_what_another_process_is_writing(tmp_path, left):
    RunDirectory(tmp_path).sweep_temporaries()
    assert [path.name for path in tmp_path.iterdir()] == [left[1]]
