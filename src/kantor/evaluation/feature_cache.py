"""Features of real pictures, which are the same for every model: computed once, and kept in kantor's cache.

A file is known by the SHA-256 of the pictures themselves, bytes as the extractor gets them, and by all else that
determines the features: the extractor's identity, the code of its classes and of its networks' classes, threads, device
and this format. What was computed from other data, another split, other rows or with other weights is never found,
whatever it is called.
"""

import contextlib
import hashlib
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kantor.data import cache, pixels
from kantor.data.images import ImageSet
from kantor.digests import sha256
from kantor.errors import UserError
from kantor.evaluation import tensor_files
from kantor.evaluation.extractors import base
from kantor.evaluation.extractors.base import Extractor, Features
from kantor.evaluation.extractors.digests import extractor_digest
from kantor.evaluation.generation import Chunk, Finished, remaining_pieces
from kantor.processes import Processes
from kantor.progress_bar import ProgressBar

FORMAT = 1
"""Of what is kept; another number finds nothing that was kept before."""


def arithmetic(extractor: Extractor, *, device: torch.device) -> dict[str, Any]:
    """All that determines the features of given pictures, to the bit.

    Raises:
        UserError: the extractor's weights cannot be had, or its code is in no file.
    """
    extractor.prepare()
    return {
        "format": FORMAT,
        "features": extractor.identity(),
        "code": extractor_digest(extractor),
        **_shared_code(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }


@lru_cache(maxsize=1)
def _shared_code() -> dict[str, Any]:
    """Of what all extractors are made of: kantor's own sources, and the packages whose arithmetic they use."""
    files = [Path(module.__file__ or "") for module in (pixels, base)]
    packages = {name: version(name) for name in ("torch-fidelity", "torchvision", "numpy", "scipy")}
    return {"shared": [hashlib.sha256(file.read_bytes()).hexdigest() for file in files], "packages": packages}


def real_features(
    images: ImageSet,
    rows: np.ndarray,
    extractor: Extractor,
    *,
    chunk: int,
    device: torch.device,
    bar: ProgressBar,
) -> Features:
    """Features of the pictures at int64 rows (n,): read, or computed in chunks and kept, one process at a time.

    Args:
        images: where they are.
        rows: which.
        extractor: makes features.
        chunk: pictures at once.
        device: where they are made.
        bar: shows how far it is, where something is computed.
    """
    key = {**arithmetic(extractor, device=device), "pictures": _digest(images, rows, chunk)}
    directory = cache.cache_root() / "features" / sha256(key)[:32]
    path = directory / "features.safetensors"

    def make(c: int) -> Chunk:
        found = as_chunk(extractor(images.take(rows[c * chunk :][:chunk]).to(device)))
        bar.add(chunk)
        return found

    with contextlib.ExitStack() as stack:
        kept = tensor_files.read(path, key)
        if kept is None:
            lasting = _locked(stack, directory)
            kept = tensor_files.read(path, key)  # whoever had the lock may have written it
        if kept is None:
            finished = Finished(directory if lasting else None, key)
            stack.enter_context(bar)
            parts = remaining_pieces(
                make, -(-len(rows) // chunk), finished, Processes(), found=lambda count: bar.begin(count * chunk)
            )
            assert parts is not None
            kept = joined_chunks(parts)
            if lasting:
                with contextlib.suppress(OSError):  # a full disk is no reason not to score
                    tensor_files.write(path, kept, key)
            finished.forget()
    return from_chunk(kept)


def as_chunk(found: Features) -> Chunk:
    """Features as named tensors on the CPU."""
    return {name: tensor.cpu() for name, tensor in found._asdict().items() if tensor is not None}


def from_chunk(chunk: Chunk) -> Features:
    """And back."""
    return Features(chunk["features"], *(chunk.get(name) for name in Features._fields[1:]))


def cut(found: Features, rows: slice) -> Features:
    """Those of some pictures."""
    first, *others = found
    return Features(first[rows], *(None if tensor is None else tensor[rows] for tensor in others))


def joined_chunks(chunks: list[Chunk]) -> Chunk:
    """One after the other."""
    return {name: torch.cat([chunk[name] for chunk in chunks]) for name in chunks[0]}


def _locked(stack: contextlib.ExitStack, directory: Path) -> bool:
    """Whether this process holds the directory, until the stack unwinds; False where nothing can be written."""
    try:
        stack.enter_context(cache.locked(directory))
    except UserError:
        return False
    return True


def _digest(images: ImageSet, rows: np.ndarray, chunk: int) -> str:
    """SHA-256 of the pictures' shape and bytes, 64 hex digits."""
    digest = hashlib.sha256(f"{len(rows)} {images.pixels.shape[1:]};".encode())
    for start in range(0, len(rows), chunk):
        digest.update(images.take(rows[start : start + chunk]).numpy().data)
    return digest.hexdigest()
