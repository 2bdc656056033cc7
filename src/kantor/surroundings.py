"""What is around kantor in a Python process, such as a notebook: left as it was, and without influence on a run."""

import contextlib
import logging
import os
import signal
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch

from kantor import global_generators, interrupts

LOGGERS = ("pytorch_lightning", "lightning_fabric")

KEPT: tuple[tuple[Callable[[], Any], Callable[[Any], object]], ...] = (
    (torch.get_num_threads, torch.set_num_threads),
    (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
    (torch.get_default_dtype, torch.set_default_dtype),
    (torch.are_deterministic_algorithms_enabled, torch.use_deterministic_algorithms),
    (os.getcwd, os.chdir),
)
"""What is read before, and how it is put back."""


@contextlib.contextmanager
def left_alone() -> Iterator[None]:
    """The process is as before when the block has ended: generators of random numbers, settings of torch, warnings,
    levels of loggers, signal handlers, environment. In the block torch has its own defaults, and gradients."""
    before = [(put, read()) for read, put in KEPT]
    levels = {name: logging.getLogger(name).level for name in LOGGERS}
    handlers = {number: signal.getsignal(number) for number in interrupts.SIGNALS}
    environment = dict(os.environ)
    count = torch.cuda.device_count() if torch.cuda.is_initialized() else 0
    gpus = [torch.device("cuda", index) for index in range(count)]
    try:
        with warnings.catch_warnings(), global_generators.kept(*gpus), torch.enable_grad():
            torch.set_default_dtype(torch.float32)
            torch.use_deterministic_algorithms(False)
            yield
    finally:
        for put, value in before:
            put(value)
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
        with contextlib.suppress(ValueError):  # not in the main thread: nobody has changed them
            for number, handler in handlers.items():
                if signal.getsignal(number) is not handler:
                    signal.signal(number, handler)
        for name in {*os.environ, *environment}:
            if name not in environment:
                del os.environ[name]
            elif os.environ.get(name) != environment[name]:
                os.environ[name] = environment[name]
