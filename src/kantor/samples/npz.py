"""An .npz file: arrays by name in a zip, of which one is read, without trusting what the file says of itself.

Of the archive the bounds of `kantor.data.archives` hold; of an array, what its header declares has to be what is there
before any memory is taken for it, and Python objects are never made.
"""

import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from kantor.data.archives import Bounds, ZipMembers, magic
from kantor.errors import UserError

BOUNDS = Bounds(member=1 << 34, total=1 << 35, members=1000)
SMALL = Bounds(member=1 << 24, total=1 << 26, members=16)
WANTED = ("samples", "arr_0")
"""Names of the array that is read, the first that is there; the second is numpy's own for an array without a name, as
other evaluators have it."""


def read_array(path: Path, expected: str) -> np.ndarray:
    """The array `samples`, else `arr_0`, of an .npz file.

    Args:
        path: of the file.
        expected: ends each sentence of refusal.

    Raises:
        UserError: the file is missing, damaged, encrypted or too large, or has no such array, or one that holds no
            numbers or not as many as it declares.
    """
    if not path.is_file():
        raise UserError(f"images={path}: there is no such file; {expected}")
    if magic(path) != b"PK":
        raise UserError(f"images={path}: it cannot be read as arrays, since it is no .npz; {expected}")
    with ZipMembers(path, bounds=BOUNDS) as archive:
        arrays = [name.removesuffix(".npy") for name in archive.names if name.endswith(".npy")]
        name = next((one for one in WANTED if one in arrays), None)
        if name is None:
            holds = f"the arrays in it are {', '.join(arrays)}" if arrays else "it holds no array"
            raise UserError(f"images={path}: it has no array `samples`: {holds}; {expected}")
        try:
            return _array(archive.read(f"{name}.npy"))
        except UserError:
            raise
        except Exception as error:  # numpy's reader raises whatever a damaged header leads it into
            reason = str(error).splitlines()[0] if str(error) else "it does not fit into memory"
            raise UserError(f"images={path}: its array `{name}` cannot be read: {reason}; {expected}") from error


def read_arrays(path: Path, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Some small arrays of an .npz file by name, empty ones among them.

    Raises:
        UserError: the file is missing, damaged or too large, or one is not in it.
    """
    with ZipMembers(path, bounds=SMALL) as archive:
        missing = [name for name in names if f"{name}.npy" not in archive.names]
        if missing:
            raise UserError(f"{path} is damaged: it has no array `{missing[0]}`; take it away")
        try:
            return {name: _array(archive.read(f"{name}.npy"), empty=True) for name in names}
        except UserError:
            raise
        except Exception as error:  # numpy's reader raises whatever a damaged header leads it into
            raise UserError(f"{path} is damaged: its arrays cannot be read; take it away") from error


def _array(content: bytes, *, empty: bool = False) -> np.ndarray:
    """The array of a .npy file, on the bytes of its content.

    Raises:
        ValueError: it is damaged, or not of numbers, or empty where it may not be.
    """
    stream = io.BytesIO(content)
    version = npy.read_magic(stream)
    read_header = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}.get(version)
    if read_header is None:
        raise ValueError(f"it is of version {version[0]}.{version[1]} of the format, which numbers do not need")
    shape, in_columns, dtype = read_header(stream)
    if dtype.hasobject:
        raise ValueError("it holds Python objects, not numbers")
    start = stream.tell()
    declared = math.prod(shape) * dtype.itemsize
    if declared != len(content) - start:
        raise ValueError(f"it declares {dtype} of shape {shape}, {declared:,} bytes, and has {len(content) - start:,}")
    if dtype.itemsize == 0 or (declared == 0 and not empty):
        raise ValueError(f"it is empty, {dtype} of shape {shape}")
    return np.frombuffer(content, dtype, offset=start).reshape(shape, order="F" if in_columns else "C")
