"""Loggers beside metrics.csv, which every run writes: TensorBoard, Weights & Biases."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from PIL import Image
from pytorch_lightning.loggers import Logger, TensorBoardLogger, WandbLogger

from kantor.errors import UserError


def tensorboard(*, directory: Path, seed: int, experiment: str) -> Logger:
    """Event files in DIR/tensorboard; the x-axis is steps.

    Raises:
        UserError: tensorboard is not installed.
    """
    try:
        return TensorBoardLogger(save_dir=directory, name="tensorboard", version="")
    except ModuleNotFoundError as error:
        raise UserError("logger=tensorboard needs the package tensorboard: pip install tensorboard") from error


def wandb(*, directory: Path, seed: int, experiment: str, project: str) -> Logger:
    """A W&B run of its own, whatever runs were before it in this process; its x-axis is images_seen.

    Without WANDB_API_KEY (or with WANDB_MODE=offline) it is kept in DIR/wandb, for `wandb sync`. The key is never in a
    configuration.
    """
    return OneRun(
        project=project,
        name=f"{experiment}/{directory.name}",
        save_dir=directory,
        group=experiment,
        offline=not os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_MODE") == "offline",
    )


def log_picture(logger: Logger, name: str, picture: Image.Image, *, counters: Mapping[str, int]) -> None:
    """Hand a picture to a logger that shows pictures; others get none.

    Args:
        logger: of any kind; called on rank 0.
        name: what the picture is called.
        picture: grey or RGB.
        counters: `steps` and the model's others.
    """
    if isinstance(logger, TensorBoardLogger):
        logger.experiment.add_image(name, np.asarray(picture.convert("RGB")), counters["steps"], dataformats="HWC")
    elif isinstance(logger, WandbLogger):
        import wandb

        logger.experiment.log({**counters, "trainer/global_step": counters["steps"], name: wandb.Image(picture)})


class OneRun(WandbLogger):
    """W&B's logger, whose run ends with the training that it belongs to, so that jobs of a sweep do not merge."""

    def __init__(self, **settings: object) -> None:
        with _environment_kept("WANDB_MODE"):
            super().__init__(**settings)  # type: ignore[arg-type]

    @property
    def experiment(self) -> object:
        """The W&B run; begun at the first use, on rank 0."""
        begun = self._experiment is not None
        run = super().experiment
        if not begun and hasattr(run, "define_metric"):
            run.define_metric("images_seen")
            run.define_metric("*", step_metric="images_seen")
        return run

    def finalize(self, status: str) -> None:
        """End the run."""
        super().finalize(status)
        if self._experiment is not None:
            self._experiment.finish(exit_code=0 if status == "success" else 1)
            self._experiment = None


@contextlib.contextmanager
def _environment_kept(name: str) -> Iterator[None]:
    """An environment variable as it was, whatever the block does to it."""
    before = os.environ.get(name)
    try:
        yield
    finally:
        os.environ.pop(name, None)
        if before is not None:
            os.environ[name] = before
