"""What an extractor is made of, as digests: code by the files of its classes, networks by their state."""

import hashlib
import inspect
import sys
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import nn

from kantor.errors import UserError

ELSEWHERE = {"torch", *sys.stdlib_module_names}
"""Packages whose classes are known by a version."""


def code_digest(net: nn.Module) -> str:
    """SHA-256 of the source files of all classes in a network that are not torch's own, 64 hex digits.

    Raises:
        UserError: a class is defined in no file.
    """
    return class_digest({type(layer) for layer in net.modules()})


def extractor_digest(extractor: object) -> str:
    """SHA-256 of the source files of an extractor's classes, 64 hex digits; what has networks is to be prepared before.

    Raises:
        UserError: a class is defined in no file.
    """
    return class_digest(classes_of(extractor))


def classes_of(made: object) -> set[type]:
    """An object's class and its bases, those of its settings, and of the layers of the networks that it has built."""
    if isinstance(made, nn.Module):
        return {base for layer in made.modules() for base in type(layer).__mro__}
    held = vars(made).values() if hasattr(made, "__dict__") and not isinstance(made, type) else ()
    return {*type(made).__mro__, *(one for value in held for one in classes_of(value))}


def class_digest(classes: Iterable[type]) -> str:
    """SHA-256 of the contents of `class_files`, 64 hex digits.

    Raises:
        UserError: a class is defined in no file.
    """
    digests = {hashlib.sha256(file.read_bytes()).hexdigest() for file in class_files(classes)}
    return hashlib.sha256("".join(sorted(digests)).encode("ascii")).hexdigest()


def class_files(classes: Iterable[type]) -> set[Path]:
    """The source files of classes, torch's and Python's own left out.

    Raises:
        UserError: a class is defined in no file.
    """
    files = set()
    for one in classes:
        if one.__module__.split(".")[0] in ELSEWHERE:
            continue
        try:
            files.add(Path(inspect.getfile(one)))
        except (TypeError, OSError) as error:
            raise UserError(
                f"{one.__module__}.{one.__qualname__} is defined in no file: put it into a module, so that a score "
                "can say what made it"
            ) from error
    return files


def state_digest(net: nn.Module) -> str:
    """SHA-256 of the names, types, shapes and numbers of a network's state, 64 hex digits."""
    digest = hashlib.sha256()
    for name, value in sorted(net.state_dict().items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
