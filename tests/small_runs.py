"""How end-to-end tests run kantor: small, on one thread, in an environment of their own."""

import os
from collections.abc import Callable
from typing import NamedTuple

FAST = (
    "trainer.threads=1",
    "trainer.accelerator=cpu",
    "trainer.checkpoint_every=10",
    "trainer.log_every=5",
    "model.generator.width=32",
    "model.critic.width=32",
    "evaluation=none",
    "pictures=none",
)
SMALL = (
    "trainer.threads=1",
    "trainer.accelerator=cpu",
    "trainer.checkpoint_every=10",
    "trainer.log_every=5",
    "evaluation.n=128",
    "evaluation.chunk=64",
    "evaluation.every=10",
    "pictures.every=20",
    "model.generator.width=32",
    "model.critic.width=32",
)
PICTURES = (
    "trainer.threads=1",
    "trainer.accelerator=cpu",
    "trainer.checkpoint_every=4",
    "trainer.log_every=2",
    "budget.images=null",
    "data.size=50",
    "data.batch_size=8",
    "data.flip=true",
    "model.generator.width=8",
    "model.critic.width=8",
    "evaluation.n=24",
    "evaluation.draws=2",
    "evaluation.chunk=16",
    "evaluation.every=8",
    "evaluation.threads=1",
    "evaluation.neighbours=3",
    "pictures.every=12",
)
"""For an experiment on purdue_shapes5: 50 pictures in batches of 8, so that batches straddle epochs."""


class Done(NamedTuple):
    """What a command printed."""

    stdout: str
    stderr: str


Kantor = Callable[..., Done]


def environment() -> dict[str, str]:
    """The environment of a test's processes: no key, no ranks, no colours."""
    hidden = ("WANDB_API_KEY", "RANK", "WORLD_SIZE", "KANTOR_TRACEBACK", "KANTOR_TRUST")
    return {**{k: v for k, v in os.environ.items() if k not in hidden}, "WANDB_MODE": "offline", "NO_COLOR": "1"}
