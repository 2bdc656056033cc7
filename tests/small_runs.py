"""How end-to-end tests run kantor: small, on one thread, in an environment of their own."""

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from kantor.config.checks import keys
from kantor.config.compose import compose
from kantor.config.schema import Configuration
from kantor.engine.assembly import Assembly, assemble
from kantor.engine.check import check

OWN = str(Path(__file__).parent / "conf")
"""The configurations of the VAE that stands outside the package."""

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


@functools.cache
def composed(*words: str) -> Configuration:
    """The configuration of `kantor train WORDS --config-dir tests/conf`, on the CPU; of data whose files nobody reads.

    Composed once for all tests that ask for the same: nobody can change it.
    """
    configuration = compose(["trainer.accelerator=cpu", *words], config_dirs=[OWN])
    has_files = "identity" in configuration.plain["data"]
    return configuration.replaced("data.identity", "of no files") if has_files else configuration


def checked(*words: str) -> Assembly:
    """The run that WORDS describe, checked as before training."""
    return check_run(composed(*words))


def check_run(configuration: Configuration) -> Assembly:
    """The run of a configuration, checked as before training."""
    run = assemble(configuration)
    check(run)
    return run


def narrowed(configuration: Configuration) -> Configuration:
    """The same with networks as narrow as may be, for what does not depend on their width."""
    for key in keys(configuration.plain["model"]):
        if key.endswith(".width"):
            configuration = configuration.replaced(f"model.{key}", 8)
    return configuration
