"""Trains models of pictures two steps each, in forked processes, and says how each ended: `python layouts.py < TRIALS`.

A trial is a line of an experiment, a width of its networks and a memory format; the answer is that line and an exit
code, negative for the signal that ended it. Started with glibc's checks of memory, a process that writes beyond its
memory ends there too.
"""

import os
import sys

import numpy as np
import torch
from small_runs import composed
from tiny import TinyImages, fit

from kantor.config.checks import keys
from kantor.engine.assembly import assemble

CLASSES = 4
"""Of `TinyImages`."""
FORMATS = {"last": torch.channels_last, "contiguous": torch.contiguous_format}


def train(experiment, width, memory_format):
    """Two steps of four pictures, in float32."""
    configuration = composed(f"experiment={experiment}", "trainer.precision=32-true")
    sizes = {"width": width, "groups": 4}
    if configuration.plain["model"].get("classes") is not None:
        sizes["classes"] = CLASSES
    for key in keys(configuration.plain["model"]):
        size = sizes.get(key.rpartition(".")[2])
        if size is not None:
            configuration = configuration.replaced(f"model.{key}", size)
    run = assemble(configuration)
    model = run.model.to(memory_format=FORMATS[memory_format])
    pixels = np.random.default_rng(0).integers(0, 256, size=(40, *run.data.sample_shape)).astype(np.uint8)
    fit(model, TinyImages(pixels=pixels, batch_size=4, labelled=model.classes is not None), 2)


def ended(experiment, width, memory_format):
    """The exit code of a process that trains."""
    child = os.fork()
    if child == 0:
        try:
            train(experiment, width, memory_format)
        finally:
            os._exit(0 if sys.exc_info()[0] is None else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    torch.set_num_threads(1)
    for line in sys.stdin.read().splitlines():
        name, size, layout = line.split()
        print(line, ended(name, int(size), layout), flush=True)
