"""Memory of a stream of images, and of a whole training: anonymous resident memory (RssAnon; Linux only), in MiB.

    python bench/memory.py [--images 2000000] [--blocks 300]
    python bench/memory.py --train [--steps 30]

The first streams 2,000,000 pictures of 3×64×64 (a sparse file of 24.6 GB that takes no room on the disk) in blocks of
5 batches of 32, mirrored and scaled, over the end of an epoch. Goal: a few batches and 64 MiB above the start, the
shuffled order of all rows included. How long a batch takes depends on the disk's read-ahead here: no page was read
before. The second runs `kantor train experiment=shapes_dcgan_dg1` on 20,000 shapes, which it renders first. Goal: below
1,536 MiB.
"""

import argparse
import itertools
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from kantor.data import cache
from kantor.data.images import ImageData, ImageSet
from kantor.data.share import Share
from kantor.data.stream import ImageBlocks

BATCH, BATCHES, SHAPE = 32, 5, (3, 64, 64)
MIB = 2**20
STREAM_GOAL, TRAIN_GOAL = 64, 1536
PAUSE = 0.005  # seconds between two looks


class SparseImages(ImageData):
    """Black pictures in a file of holes."""

    licence = "none needed"
    sample_shape = SHAPE

    def __init__(self, path, n):
        super().__init__(name="sparse", batch_size=BATCH, size=None, flip=True, resident=False, identity="auto", seed=0)
        self.path = path
        np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=(n, *SHAPE))

    def describe(self):
        return {"sparse": str(self.path)}

    def load(self, split):
        return ImageSet(cache.array(self.path, shape=(0, *SHAPE), dtype="uint8", fill=lambda *rows: None))


def anonymous(pid):
    """RssAnon of a process in MiB; 0 when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon:")), 0.0)


class Watch(threading.Thread):
    """Looks at a process every few milliseconds while it is entered; `peak` in MiB."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.peak, self.done = pid, 0.0, threading.Event()

    def run(self):
        while not self.done.wait(PAUSE):
            self.peak = max(self.peak, anonymous(self.pid))

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.join()
        self.peak = max(self.peak, anonymous(self.pid))


def stream(images, blocks):
    with tempfile.TemporaryDirectory() as place:
        data = SparseImages(Path(place) / "sparse.npy", images)
        taken = Path(data.path).stat().st_blocks * 512
        last = images // (BATCH * BATCHES)  # the block in which the first epoch ends
        before = anonymous(os.getpid())
        with Watch(os.getpid()) as watch:
            source = ImageBlocks(
                data.train,
                batch_size=BATCH,
                batches_per_step=lambda step: BATCHES,
                batches_before=lambda step: BATCHES * step,
                first_step=max(last - blocks // 2, 0),
                seed=0,
                share=Share(),
                flip=True,
            )
            began = time.perf_counter()
            for block in itertools.islice(source, blocks):
                scaled = data.on_after_batch_transfer(block, 0).samples
            seconds = time.perf_counter() - began
            order = source.order(source._epoch).nbytes
    batch = scaled[0].nbytes / MIB
    print(
        f"{images:,} images of {SHAPE}, a file of {images * int(np.prod(SHAPE)) / 1e9:.1f} GB ({taken:,} bytes on disk)"
    )
    print(f"before                  {before:8.1f} MiB")
    print(f"during {blocks:5d} blocks     {watch.peak:8.1f} MiB, {watch.peak - before:.1f} above (goal {STREAM_GOAL})")
    print(f"  the order of an epoch {order / MIB:8.1f} MiB")
    print(f"  a scaled batch        {batch:8.1f} MiB, {BATCHES} in a block")
    print(f"a batch takes           {1000 * seconds / (blocks * BATCHES):8.2f} ms")


def train(steps):
    words = ["experiment=shapes_dcgan_dg1", "budget.images=null", f"budget.steps={steps}", "evaluation=none"]
    with tempfile.TemporaryDirectory() as place:
        command = [sys.executable, "-m", "kantor", "train", *words, "trainer.accelerator=cpu", f"outputs={place}/runs"]
        environment = {**os.environ, "KANTOR_CACHE": f"{place}/cache"}
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        try:
            with Watch(process.pid) as watch:
                _, said = process.communicate()
        finally:
            process.kill()
        if process.returncode:
            raise SystemExit(said)
    print(f"kantor train {' '.join(words)}")
    print(f"at most                 {watch.peak:8.1f} MiB (goal {TRAIN_GOAL:,})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=2_000_000)
    parser.add_argument("--blocks", type=int, default=300)
    parser.add_argument("--train", action="store_true", help="measure a training instead of a stream")
    parser.add_argument("--steps", type=int, default=30, help="of the training")
    given = parser.parse_args()
    if given.train:
        train(given.steps)
    else:
        stream(given.images, given.blocks)


if __name__ == "__main__":
    main()
