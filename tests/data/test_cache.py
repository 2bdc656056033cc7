import errno
import hashlib
import itertools
import json
import os
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest

from kantor.data import cache
from kantor.errors import UserError

SHAPE = (23, 2, 3)


@pytest.fixture(autouse=True)
def short_chunks(monkeypatch):
    monkeypatch.setattr(cache, "CHUNK", 5)


def numbered(rows, start, stop):
    rows[...] = np.arange(start, stop)[:, None, None]


WHOLE = np.broadcast_to(np.arange(23)[:, None, None], SHAPE)


class Filler:
    """Fills rows with their numbers, notes which it was asked for, and stops at one of them."""

    def __init__(self, stop_at=None):
        self.asked, self.stop_at = [], stop_at

    def __call__(self, rows, start, stop):
        assert rows.shape == (stop - start, *SHAPE[1:])
        if self.stop_at is not None and start <= self.stop_at < stop:
            rows[0] = 77  # half done
            raise KeyboardInterrupt
        self.asked.append((start, stop))
        numbered(rows, start, stop)


def build(path, fill=numbered, *, shape=SHAPE, dtype="uint8", **options):
    return cache.array(path, shape=shape, dtype=dtype, fill=fill, **options)


def interrupted(path, stop_at=12):
    filler = Filler(stop_at)
    with pytest.raises(KeyboardInterrupt):
        build(path, filler)
    return filler


def names(directory):
    return sorted(entry.name for entry in directory.iterdir())


@pytest.mark.parametrize("dtype", ["uint8", "float32", "int64"])
def test_an_array_is_filled_in_chunks_mapped_and_read_only(tmp_path, dtype):
    filler = Filler()
    array = build(tmp_path / "a.npy", filler, dtype=dtype)
    assert filler.asked == [(0, 5), (5, 10), (10, 15), (15, 20), (20, 23)]
    assert (array == WHOLE).all() and array.dtype == dtype
    assert isinstance(array, np.memmap) and not array.flags.writeable
    assert names(tmp_path) == ["a.npy"]
    assert (np.load(tmp_path / "a.npy") == WHOLE).all()


def test_what_is_there_is_not_filled_again(tmp_path):
    build(tmp_path / "a.npy")
    assert (build(tmp_path / "a.npy", lambda *_: pytest.fail("filled again")) == WHOLE).all()


def test_progress_is_told_after_each_chunk(tmp_path):
    told = []
    build(tmp_path / "a.npy", progress=lambda *words: told.append(words))
    assert told == [(5, 23), (10, 23), (15, 23), (20, 23), (23, 23)]


@pytest.mark.parametrize(("stop_at", "done"), [(0, 0), (4, 0), (5, 5), (12, 10), (22, 20)])
def test_an_interrupted_build_goes_on_after_its_last_finished_chunk(tmp_path, stop_at, done):
    path = tmp_path / "a.npy"
    first = interrupted(path, stop_at)
    assert not path.exists()
    second = Filler()
    assert (build(path, second) == WHOLE).all()
    chunks = [(start, min(start + 5, 23)) for start in range(0, 23, 5)]
    assert first.asked == [chunk for chunk in chunks if chunk[0] < done]
    assert second.asked == [chunk for chunk in chunks if chunk[0] >= done]
    assert names(tmp_path) == ["a.npy"]


def test_a_build_can_be_interrupted_again_and_again(tmp_path):
    path, asked = tmp_path / "a.npy", []
    for stop_at in (7, 7, 16, 21):
        asked += interrupted(path, stop_at).asked
    last = Filler()
    build(path, last)
    assert asked + last.asked == [(0, 5), (5, 10), (10, 15), (15, 20), (20, 23)]


def test_an_interruption_between_the_last_chunk_and_the_end_fills_nothing_again(tmp_path, monkeypatch):
    path = tmp_path / "a.npy"

    replace = os.replace

    def killed(source, target):
        if target == path:
            raise KeyboardInterrupt
        replace(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            build(path)
    assert not path.exists()
    assert (build(path, lambda *_: pytest.fail("filled again")) == WHOLE).all()


def test_nobody_sees_a_half_filled_array(tmp_path):
    path = tmp_path / "a.npy"
    seen = []
    build(path, lambda *words: (seen.append(path.exists()), numbered(*words)))
    assert seen == [False] * 5 and path.exists()


@pytest.mark.parametrize("other", [{"shape": (23, 2, 4)}, {"shape": (24, 2, 3)}, {"dtype": "float32"}])
def test_a_partial_array_of_another_shape_or_kind_is_begun_again(tmp_path, other):
    path = tmp_path / "a.npy"
    interrupted(path)
    starts = []
    wanted = {"shape": SHAPE, "dtype": "uint8", **other}
    array = build(path, lambda rows, start, stop: (starts.append(start), numbered(rows, start, stop)), **wanted)
    assert starts == [0, 5, 10, 15, 20]
    assert array.shape == wanted["shape"] and array.dtype == wanted["dtype"]
    assert (array == np.arange(len(array))[:, None, None]).all()


def test_a_note_of_progress_does_not_vouch_for_a_later_partial_array(tmp_path):
    """Interrupted, then begun with another shape and interrupted before its first chunk was done, then as before."""
    path = tmp_path / "a.npy"
    interrupted(path)

    def stopped(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(path, stopped, shape=(23, 9, 9))
    last = Filler()
    assert (build(path, last) == WHOLE).all()
    assert last.asked[0] == (0, 5)


@pytest.mark.parametrize(
    "note", ["", "{", "[]", "{}", "null", '{"done": "10"}', '{"done": -5}', '{"done": 24}', '{"done": 7.5}']
)
def test_a_damaged_note_of_progress_begins_again(tmp_path, note):
    path = tmp_path / "a.npy"
    interrupted(path)
    (state,) = tmp_path.glob("*.progress.json")
    assert json.loads(state.read_text()) == {"done": 10}
    state.write_text(note)
    again = Filler()
    assert (build(path, again) == WHOLE).all()
    assert again.asked[0] == (0, 5)


@pytest.mark.parametrize("damage", [lambda content: content[:40], lambda content: content[:-1], lambda content: b""])
def test_a_damaged_partial_array_is_begun_again(tmp_path, damage):
    path = tmp_path / "a.npy"
    interrupted(path)
    (partial,) = tmp_path.glob("*.partial")
    partial.write_bytes(damage(partial.read_bytes()))
    again = Filler()
    assert (build(path, again) == WHOLE).all()
    assert again.asked[0] == (0, 5)


def test_a_note_of_progress_does_not_outlive_its_partial_array(tmp_path):
    """The rows are cut off, and the new beginning is interrupted too: its zeros must not pass for the ten rows."""
    path = tmp_path / "a.npy"
    interrupted(path)
    (partial,) = tmp_path.glob("*.partial")
    partial.write_bytes(b"")
    interrupted(path, stop_at=0)
    assert (build(path) == WHOLE).all()


@pytest.mark.parametrize("other", ["a.b.npy", "a.bin", "a", "a.npy.npy", "a.partial.npy", "a.progress.npy", "b.a.npy"])
def test_arrays_side_by_side_do_not_take_each_others_files(tmp_path, other):
    """Both are interrupted, then both finished: each goes on where it was, with its own rows."""
    paths = [tmp_path / "a.npy", tmp_path / other]
    offsets = {paths[0]: 0, paths[1]: 100}

    def fill(path, stop_at):
        def rows_of(rows, start, stop):
            if stop_at is not None and start <= stop_at < stop:
                raise KeyboardInterrupt
            started.append(start)
            rows[...] = offsets[path] + np.arange(start, stop)[:, None, None]

        return rows_of

    for path, stop_at in zip(paths, (12, 6), strict=True):
        started = []
        with pytest.raises(KeyboardInterrupt):
            build(path, fill(path, stop_at))
    for path, first in zip(paths, (10, 5), strict=True):
        started = []
        assert (build(path, fill(path, None)) == WHOLE + offsets[path]).all()
        assert started[0] == first
    assert names(tmp_path) == sorted(["a.npy", other])


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="room cannot be reserved here")
def test_a_full_disk_is_a_sentence_not_a_signal(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(UserError, match=r"a\.npy\.partial cannot be written \(No space.*20 MiB.*KANTOR_CACHE=DIR"):
        build(tmp_path / "a.npy", shape=(20, 1 << 10, 1 << 10))
    assert names(tmp_path) == []


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="room cannot be reserved here")
def test_where_room_cannot_be_reserved_the_array_is_built_all_the_same(tmp_path, monkeypatch):
    def unknown(*_):
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr(os, "posix_fallocate", unknown)
    assert (build(tmp_path / "a.npy") == WHOLE).all()


def test_a_second_builder_waits_for_the_first(tmp_path):
    entered, order = threading.Event(), []

    def second():
        entered.wait()
        with cache.locked(tmp_path / "d"):
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with cache.locked(tmp_path / "d"):
        entered.set()
        thread.join(timeout=0.2)  # it cannot get in
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_a_cache_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(UserError, match=r"file/below cannot be written .*KANTOR_CACHE=DIR"),
        cache.locked(tmp_path / "file" / "below"),
    ):
        pytest.fail("a file is no directory")


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"KANTOR_CACHE": "/one", "XDG_CACHE_HOME": "/two"}, "/one"),
        ({"XDG_CACHE_HOME": "/two"}, "/two/kantor"),
        ({"KANTOR_CACHE": "~/three", "HOME": "/home/me"}, "/home/me/three"),
        ({"HOME": "/home/me"}, "/home/me/.cache/kantor"),
    ],
)
def test_the_place_of_the_cache(monkeypatch, variables, expected):
    for name in ("KANTOR_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert str(cache.cache_root()) == expected


@pytest.fixture
def fine_clock(monkeypatch):
    """As if every change of a file showed at once in its times, as it does after a while."""
    monkeypatch.setattr(cache, "CLOCK_NS", -1)


def test_a_files_digest_is_remembered_until_it_changes(tmp_path, monkeypatch, fine_clock):
    path = tmp_path / "file"
    path.write_bytes(b"first")
    described = {"name": "file", "bytes": 5, "sha256": hashlib.sha256(b"first").hexdigest()}
    assert cache.describe_file(path) == described
    with monkeypatch.context() as patched:
        patched.setattr(hashlib, "file_digest", lambda *_: pytest.fail("read again"))
        assert cache.describe_file(path) == described  # from memory
    path.write_bytes(b"other")  # of the same size
    os.utime(path, ns=(1, 1))
    assert cache.file_digest(path) == hashlib.sha256(b"other").hexdigest()


def in_place(path, content):
    path.write_bytes(content)


def by_another_file(path, content):
    path.with_name("other").write_bytes(content)
    shutil.copystat(path, path.with_name("other"))
    os.replace(path.with_name("other"), path)


@pytest.mark.parametrize("change", [in_place, by_another_file])
def test_what_a_copy_preserves_does_not_hide_a_change(tmp_path, fine_clock, change):
    """rsync -t and unzip set the time of change; the size may be the same by chance."""
    path = tmp_path / "file"
    path.write_bytes(b"first")
    assert cache.file_digest(path) == hashlib.sha256(b"first").hexdigest()
    before = path.stat()
    change(path, b"other")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert cache.file_digest(path) == hashlib.sha256(b"other").hexdigest()


def test_a_file_that_changed_just_now_is_read_again(tmp_path, monkeypatch):
    """Within one tick of the file system's clock a second change would leave no trace."""
    path = tmp_path / "file"
    path.write_bytes(b"first")
    cache.file_digest(path)
    read = []
    file_digest = hashlib.file_digest
    monkeypatch.setattr(hashlib, "file_digest", lambda *words: read.append(1) or file_digest(*words))
    assert cache.file_digest(path) == hashlib.sha256(b"first").hexdigest() and read


def test_a_memory_that_cannot_be_kept_is_no_error(tmp_path, monkeypatch):
    (tmp_path / "cache").touch()  # a file where the directory would be
    (tmp_path / "file").write_bytes(b"1")
    assert cache.file_digest(tmp_path / "file") == hashlib.sha256(b"1").hexdigest()


@pytest.mark.skipif(not Path("/proc/self/smaps").is_file(), reason="says how the kernel reads a mapping: Linux only")
@pytest.mark.parametrize(("memory", "at_random"), [(0, True), (1 << 40, False)])
def test_a_file_larger_than_memory_is_not_read_ahead(tmp_path, monkeypatch, memory, at_random):
    monkeypatch.setattr(cache, "_memory", lambda: memory)
    path = tmp_path / "mapped.npy"
    kept = cache.array(path, shape=(64, 4096), dtype="uint8", fill=lambda rows, start, stop: rows.fill(7))
    assert kept[5, 5] == 7
    regions = Path("/proc/self/smaps").read_text().split("VmFlags:")
    (flags,) = (after.splitlines()[0].split() for before, after in itertools.pairwise(regions) if str(path) in before)
    assert ("rr" in flags) == at_random


def flipped(whole):
    return whole[:150] + bytes([whole[150] ^ 4]) + whole[151:]


DAMAGES = {
    "a bit": flipped,
    "cut": lambda whole: whole[:170],
    "empty": lambda whole: b"",
    "a page of zeros": lambda whole: whole[:128] + bytes(64) + whole[192:],
    "no array": lambda whole: b"x" * len(whole),
}
each_damage = pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())


@each_damage
def test_a_damaged_array_is_made_again_and_that_is_said(tmp_path, fine_clock, capsys, damage):
    path = tmp_path / "a.npy"
    build(path)
    build(path)  # what is whole is remembered
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    os.utime(path, ns=(1, 1))
    assert (build(path) == WHOLE).all() and path.read_bytes() == whole
    assert capsys.readouterr().err == f"kantor: {path} is damaged: making it again\n"


def test_an_array_of_an_earlier_version_is_called_so(tmp_path, fine_clock, capsys):
    path = tmp_path / "a.npy"
    np.save(path, WHOLE)
    assert (build(path) == WHOLE).all()
    assert capsys.readouterr().err == f"kantor: {path} is of an earlier version: making it again\n"


def test_a_whole_array_is_read_through_once(tmp_path, fine_clock, monkeypatch):
    build(tmp_path / "a.npy")
    build(tmp_path / "a.npy")
    monkeypatch.setattr(cache.seals, "is_whole", lambda path: pytest.fail("read again"))
    assert (build(tmp_path / "a.npy") == WHOLE).all()


@each_damage
def test_a_damaged_note_is_none(tmp_path, damage):
    cache.write_note(tmp_path / "note", {"\udcff": list(range(30))})
    assert cache.read_note(tmp_path / "note") == {"\udcff": list(range(30))}
    (tmp_path / "note").write_bytes(damage((tmp_path / "note").read_bytes()))
    assert cache.read_note(tmp_path / "note") is None
    assert cache.read_note(tmp_path / "nowhere") is None


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES])
def test_what_is_prepared_in_a_cache_that_may_only_be_read_is_read(tmp_path, monkeypatch, number):
    build(tmp_path / "a.npy")

    def refuse(path, *_, **__):
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(cache.locks, "locked", refuse)
    with cache.locked(tmp_path):
        assert (build(tmp_path / "a.npy") == WHOLE).all()
    monkeypatch.setattr(cache, "_empty", lambda partial, *_: refuse(partial))
    with pytest.raises(UserError, match=r"cannot be written .*KANTOR_CACHE=DIR"), cache.locked(tmp_path):
        build(tmp_path / "b.npy")
