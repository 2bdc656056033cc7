"""A checkpoint is what was saved, to the bit, or it is not taken."""

import builtins
import errno
import io
import os
import re
import zipfile

import pytest
import torch

from kantor import seals
from kantor.atomic import replacing
from kantor.errors import UserError
from kantor.runs import checkpoints
from kantor.runs.checkpoints import AtomicCheckpointIO
from kantor.runs.directory import RunDirectory


def content(step):
    weights = torch.arange(64.0) + step
    return {"kantor_counters": {"steps": step}, "state_dict": {"first": weights, "other": -weights}}


@pytest.fixture
def run(tmp_path):
    """A run with a last checkpoint, of step 2, and the one before."""
    directory = RunDirectory(tmp_path)
    for step in (1, 2):
        AtomicCheckpointIO().save_checkpoint(content(step), directory.checkpoints / "last.ckpt")
    return directory


@pytest.fixture
def last(run):
    return run.checkpoints / "last.ckpt"


def swapped(whole):
    """The numbers of two tensors, in an archive whose own checksums hold."""
    return rewritten(whole, lambda members: {**members, "data/0": members["data/1"], "data/1": members["data/0"]})


def renamed(whole):
    """Another tensor under a name, in the same way."""
    return rewritten(whole, lambda members: {**members, "data.pkl": exchanged(members["data.pkl"])})


def exchanged(pickled):
    assert pickled.count(b"first") == pickled.count(b"other") == 1
    return pickled.replace(b"first", b"-----").replace(b"other", b"first").replace(b"-----", b"other")


def rewritten(whole, change):
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        top = archive.namelist()[0].partition("/")[0]
        members = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
        with zipfile.ZipFile(made, "w") as other:
            other.comment = archive.comment
            for name, body in change(members).items():
                other.writestr(f"{top}/{name}", body)
    with zipfile.ZipFile(made) as archive:
        assert archive.testzip() is None
    return made.getvalue()


DAMAGES = {
    "cut": lambda whole: whole[:-1],
    "cut in the middle": lambda whole: whole[: len(whole) // 2],
    "empty": lambda whole: b"",
    "a page of zeros": lambda whole: whole[:512] + bytes(512) + whole[1024:],
    "the end missing": lambda whole: whole[: -seals.LENGTH],
    "longer": lambda whole: whole + b"\0",
    "swapped": swapped,
    "renamed": renamed,
}
each_damage = pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())


@each_damage
def test_of_a_damaged_checkpoint_the_one_before_is_taken_and_said(run, last, damage, capsys):
    assert checkpoints.read(run, "last")["kantor_counters"] == {"steps": 2}
    last.write_bytes(damage(last.read_bytes()))
    assert checkpoints.to_resume(run)[0] == run.checkpoints / "previous.ckpt"
    assert checkpoints.read(run, "last")["kantor_counters"] == {"steps": 1}
    assert capsys.readouterr().err == f"kantor: {last} is damaged: taking the checkpoint before it\n"


def test_a_bit_that_is_lost_anywhere_is_found(last):
    whole = last.read_bytes()
    assert seals.is_whole(last)
    for place in range(0, len(whole), 5):
        last.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :])
        assert not seals.is_whole(last), place


def test_a_whole_file_that_torch_does_not_read_is_damaged_too(run, last):
    with replacing(last) as file:
        file.write(b"something else")
        seals.seal(file)
    assert seals.is_whole(last)
    path, note = checkpoints.to_resume(run)
    assert path == run.checkpoints / "previous.ckpt" and note is not None


def test_a_kill_between_the_two_renames_loses_nothing(run, last):
    last.unlink()
    path, note = checkpoints.to_resume(run)
    assert path == run.checkpoints / "previous.ckpt" and note == f"{last} is missing: taking the checkpoint before it"


@each_damage
def test_without_a_whole_one_there_is_a_sentence(run, last, damage):
    for path in (last, last.with_name("previous.ckpt")):
        path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UserError, match=re.escape(f"{last} is damaged and there is no whole previous.ckpt")):
        checkpoints.read(run, "last")
    with pytest.raises(UserError, match=r"best\.ckpt is damaged: take another checkpoint"):
        last.rename(last.with_name("best.ckpt"))
        checkpoints.read(run, "best")


def test_without_any_it_is_said_what_is_missing(run, last):
    """Exported weights are no checkpoint, and are not taken for one."""
    for path in (last, last.with_name("previous.ckpt")):
        path.unlink()
    (run.checkpoints / "generator.safetensors").write_bytes(b"weights")
    with pytest.raises(
        UserError, match=r"has no last\.ckpt, which samples .* without counters and chains: bring it back"
    ):
        checkpoints.read(run, "last")
    with pytest.raises(UserError, match=r"has no best\.ckpt: scores while training choose it"):
        checkpoints.read(run, "best")


@pytest.mark.parametrize("call", ["os.stat", "io.open", "builtins.open"])
def test_a_checkpoint_that_cannot_be_read_now_is_not_taken_for_damaged(run, last, call, monkeypatch):
    module, name = {"os": os, "io": io, "builtins": builtins}[call.partition(".")[0]], call.partition(".")[2]
    real = getattr(module, name)

    def failing(path, *words, **given):
        if str(path) == str(last):
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
        return real(path, *words, **given)

    with monkeypatch.context() as patch:
        patch.setattr(module, name, failing)
        for asked in (checkpoints.can_be_loaded, lambda _: checkpoints.to_resume(run), seals.is_whole):
            if call == "builtins.open" and asked is seals.is_whole:  # it opens by the other name; torch does by this
                continue
            with pytest.raises(UserError, match=r"last\.ckpt.*Input/output error: nothing already written is damaged"):
                asked(last)
    assert checkpoints.to_resume(run) == (last, None)


def test_no_hard_link_is_needed(run, last, monkeypatch):
    def refuse(*_, **__):
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    AtomicCheckpointIO().save_checkpoint(content(3), last)
    assert [checkpoints.counters(last.with_name(f"{name}.ckpt"))["steps"] for name in ("last", "previous")] == [3, 2]


def test_other_programs_read_a_sealed_checkpoint(last):
    assert torch.equal(torch.load(last, weights_only=True)["state_dict"]["other"], content(2)["state_dict"]["other"])
    with zipfile.ZipFile(last) as archive:
        assert archive.testzip() is None


WEIGHTS = {"first": torch.zeros(3)}
OTHERS = {
    "a list": [1, 2],
    "no weights": {"kantor_counters": {"steps": 3}},
    "no counters": {"state_dict": WEIGHTS},
    "counters of text": {"kantor_counters": {"steps": "x"}, "state_dict": WEIGHTS},
    "counters below 0": {"kantor_counters": {"steps": -1}, "state_dict": WEIGHTS},
    "weights of text": {"kantor_counters": {"steps": 3}, "state_dict": {"first": "x"}},
    "names of numbers": {"kantor_counters": {"steps": 3}, "state_dict": {1: torch.zeros(3)}},
}


@pytest.mark.parametrize("held", OTHERS.values(), ids=OTHERS.keys())
def test_a_sealed_file_of_something_else_is_no_checkpoint(run, last, held):
    AtomicCheckpointIO().save_checkpoint(held, last)
    assert not checkpoints.can_be_loaded(last)


def packed_members(last):
    """The same members, compressed."""
    with zipfile.ZipFile(last) as archive:
        members = [(info, archive.read(info)) for info in archive.infolist()]
    with zipfile.ZipFile(last, "w", zipfile.ZIP_DEFLATED) as archive:
        for info, body in members:
            archive.writestr(info.filename, body)


def test_a_checkpoint_takes_no_more_memory_than_it_has_bytes(run, last):
    packed_members(last)
    with last.open("r+b") as file:
        seals.seal_zip(file)
    assert seals.is_whole(last) and not checkpoints.is_plain_zip(last) and not checkpoints.can_be_loaded(last)


def test_a_checkpoint_without_a_digest_is_of_an_earlier_version(run, last):
    for path in (last, last.with_name("previous.ckpt")):
        torch.save(content(3), path)
    with pytest.raises(
        UserError, match=r"last\.ckpt is of an earlier version of kantor, which left it without a digest"
    ):
        checkpoints.read(run, "last")


def test_a_huge_file_without_a_seal_is_not_read_through(last):
    with last.open("r+b") as file:
        file.truncate(1 << 40)
    assert not seals.is_whole(last)
