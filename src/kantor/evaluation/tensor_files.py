"""Tensors in files that are trusted only when they are what was asked for: named by a key, with a digest of their own.

A safetensors file of the tensors and one entry of metadata, the key and the SHA-256 of the numbers. What cannot be
read, is another's, or has lost a bit, is as good as missing.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from kantor.atomic import write_bytes
from kantor.digests import canonical, sha256

ENTRY = "kantor"  # one entry: with several a file's bytes would differ from process to process


def write(path: Path, tensors: Mapping[str, Tensor], key: Mapping[str, Any]) -> None:
    """Write a file whole or not at all; float64 as float32 where no number loses a digit.

    Raises:
        OSError: it cannot be written.
    """
    narrow = {name: tensor.float() for name, tensor in tensors.items() if _fits_float32(tensor)}
    stored = {name: narrow.get(name, tensor).contiguous() for name, tensor in tensors.items()}
    entry = {"key": key, "sha256": _whole(stored, sorted(narrow)), "float64": sorted(narrow)}
    write_bytes(path, save(stored, {ENTRY: canonical(entry)}))


def read(path: Path, key: Mapping[str, Any]) -> dict[str, Tensor] | None:
    """The tensors as they were written; None where there is no such file, or a damaged or foreign one."""
    try:
        with safe_open(path, framework="pt") as file:
            entry = json.loads((file.metadata() or {})[ENTRY])
            # copied: how a product is rounded depends on where in memory its factors begin
            stored = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
        if canonical(entry["key"]) != canonical(key) or entry["sha256"] != _whole(stored, entry["float64"]):
            return None
        return {**stored, **{name: stored[name].double() for name in entry["float64"]}}
    except Exception:  # the reader raises whatever a damaged file leads it into
        return None


def _whole(stored: Mapping[str, Tensor], widened: list[str]) -> str:
    """The digest of all that a file gives back."""
    return sha256([digest(stored), widened])


def digest(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, types, shapes and numbers, 64 hex digits."""
    found = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)};".encode())
        found.update(tensor.flatten().view(torch.uint8).numpy().data)
    return found.hexdigest()


def _fits_float32(tensor: Tensor) -> bool:
    return tensor.dtype == torch.float64 and torch.equal(tensor.float().double(), tensor)
