"""The global generators of torch, numpy and Python, which layers and code of the user's draw from: keyed, put back."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def seed(key: int, device: torch.device) -> None:
    """Seed them all by 64 bits, torch's on the CPU and on a device. `torch.manual_seed` also notes the whole call stack
    for devices that are not in use yet, which is slow at every step."""
    torch.default_generator.manual_seed(key)
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(key)
    elif device.type not in ("cpu", "meta"):
        torch.get_device_module(device).manual_seed(key)
    np.random.seed(key % 2**32)
    random.seed(key)


@contextmanager
def kept(*devices: torch.device) -> Iterator[None]:
    """Their states come back after, those of torch on the CPU and on some devices: what is drawn in between changes
    nothing outside."""
    torch_before, there = torch.get_rng_state(), [_state(device) for device in devices]
    numpy_before, python_before = np.random.get_state(), random.getstate()
    try:
        yield
    finally:
        torch.set_rng_state(torch_before)
        for device, state in zip(devices, there, strict=True):
            if state is not None:
                _restore(state, device)
        np.random.set_state(numpy_before)
        random.setstate(python_before)


@contextmanager
def keyed(key: int, device: torch.device) -> Iterator[None]:
    """The same, and seeded."""
    with kept(device):
        seed(key, device)
        yield


def _state(device: torch.device) -> torch.Tensor | None:
    if device.type == "cuda":
        return torch.cuda.get_rng_state(device)
    return None if device.type in ("cpu", "meta") else torch.get_device_module(device).get_rng_state()


def _restore(state: torch.Tensor, device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.set_rng_state(state, device)
    else:
        torch.get_device_module(device).set_rng_state(state)
