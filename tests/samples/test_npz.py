"""Arrays in .npz files: what is read, and what is refused with the file named."""

import io
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

from kantor.errors import UserError
from kantor.samples.files import read_points

POINTS = np.random.default_rng(0).normal(size=(200, 2))


def npy(array=POINTS):
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


def header(shape, descr="'<f8'"):
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


def zipped(path, **members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)


def flagged(path):
    """Marked as encrypted, at both places."""
    np.savez(path, samples=POINTS)
    content = bytearray(path.read_bytes())
    content[6] |= 1
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)


def flipped(path):
    np.savez_compressed(path, samples=POINTS)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)


def cut(path):
    np.savez(path, samples=POINTS)
    path.write_bytes(path.read_bytes()[:900])


def bomb(path):
    """Thirty-five megabytes of zeros, of which the header declares none."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("samples.npy", header((2, 2)) + bytes(35 << 20))


REFUSED = {
    "nothing in it": (lambda path: path.write_bytes(b""), "no .npz"),
    "text": (lambda path: path.write_text("<html>"), "no .npz"),
    "an array without a zip": (lambda path: path.write_bytes(npy()), "no .npz"),
    "cut": (cut, "damaged"),
    "a flipped bit": (flipped, "damaged"),
    "encrypted": (flagged, "is encrypted"),
    "no array": (lambda path: np.savez(path), "it has no array `samples`: it holds no array"),
    "others": (lambda path: np.savez(path, x=POINTS, y=POINTS), "the arrays in it are x, y"),
    "objects": (lambda path: np.savez(path, samples=np.array([{}, "a"], object)), "Python objects"),
    "7 TiB declared": (lambda path: zipped(path, samples=header((1 << 39, 2)) + bytes(160)), "8,796,093,022,208 bytes"),
    "more than a count can be": (lambda path: zipped(path, samples=header((1 << 70, 2))), "it declares"),
    "less declared than there is": (bomb, "it declares"),
    "no rows": (lambda path: np.savez(path, samples=np.empty((0, 2))), "it is empty"),
    "a torn header": (lambda path: zipped(path, samples=header((20, 2))[:40]), "cannot be read"),
    "no header": (lambda path: zipped(path, samples=b"hello"), "cannot be read"),
    "code for a header": (lambda path: zipped(path, samples=header("__import__('os')")), "cannot be read"),
    "a negative shape": (lambda path: zipped(path, samples=header((-1, -2)) + bytes(16)), "samples"),
    "text in it": (lambda path: np.savez(path, samples=np.array([["a", "b"]])), "<U1"),
    "numbers with names": (lambda path: np.savez(path, samples=np.zeros(3, [("x", "f8"), ("y", "f8")])), "samples"),
    "another shape": (lambda path: np.savez(path, samples=POINTS.T), r"\(2, 200\)"),
    "infinite": (lambda path: np.savez(path, samples=np.full((3, 2), np.inf)), "finite"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_files_that_hold_no_samples_are_refused_and_named(tmp_path, what):
    make, expected = REFUSED[what]
    path = tmp_path / "theirs.npz"
    make(path)
    tracemalloc.start()
    with pytest.raises(UserError, match=expected) as caught:
        read_points(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    assert peak < 1 << 28


def test_a_missing_file_and_a_directory_are_named(tmp_path):
    for path in (tmp_path / "nowhere.npz", tmp_path):
        with pytest.raises(UserError, match=f"{path}: there is no such file"):
            read_points(path)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["float64", "float32", ">f4", "int16"])
def test_arrays_come_back_as_they_were_saved(tmp_path, save, order, dtype):
    points = np.asarray(POINTS * 100).astype(dtype).copy(order)
    save(tmp_path / "named.npz", samples=points, labels=np.arange(200))
    save(tmp_path / "unnamed.npz", points, np.arange(200))  # arr_0 and arr_1
    for name in ("named", "unnamed"):
        assert (read_points(tmp_path / f"{name}.npz") == points.astype(np.float64)).all()


def test_the_named_array_comes_first(tmp_path):
    np.savez(tmp_path / "both.npz", POINTS + 1, samples=POINTS)
    assert (read_points(tmp_path / "both.npz") == POINTS).all()
