"""Loggers beside metrics.csv, which every run writes: TensorBoard, Weights & Biases."""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image
from pytorch_lightning.loggers import Logger, TensorBoardLogger, WandbLogger
from pytorch_lightning.loggers.logger import rank_zero_experiment
from pytorch_lightning.utilities import rank_zero_only

from kantor.atomic import write_json
from kantor.errors import UserError
from kantor.runs import door, schemas


def tensorboard(*, directory: Path, seed: int, experiment: str, step: int) -> Logger:
    """Event files in DIR/tensorboard; the x-axis is steps.

    Raises:
        UserError: tensorboard is not installed.
    """
    try:
        return EventFiles(directory / "tensorboard", step=step)
    except ModuleNotFoundError as error:
        raise UserError("logger=tensorboard needs the package tensorboard: pip install tensorboard") from error


def wandb(*, directory: Path, seed: int, experiment: str, step: int, project: str) -> Logger:
    """The run's W&B run, whatever runs are in this process beside it; its x-axis is images_seen.

    Without WANDB_API_KEY (or with WANDB_MODE=offline) it is kept in DIR/wandb, for `wandb sync`. The key is never in a
    configuration.

    Raises:
        UserError: wandb is not installed.
    """
    mode = os.environ.get("WANDB_MODE") or ("online" if os.environ.get("WANDB_API_KEY") else "offline")
    try:
        return OneRun(
            project=project, name=f"{experiment}/{directory.name}", save_dir=directory, group=experiment, mode=mode
        )
    except ModuleNotFoundError as error:
        raise UserError("logger=wandb needs the package wandb: pip install wandb") from error


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

        run = logger.experiment
        if isinstance(logger, OneRun) and counters["steps"] <= logger.before:
            return
        run.log({**counters, "trainer/global_step": counters["steps"], name: wandb.Image(picture)})


class EventFiles(TensorBoardLogger):
    """TensorBoard's, in one directory, whose later files take back what earlier ones have beyond the step at which a
    run goes on.

    Args:
        directory: gets them.
        step: at which this attempt begins.
    """

    def __init__(self, directory: Path, *, step: int) -> None:
        super().__init__(
            save_dir=directory.parent,
            name=directory.name,
            version="",
            default_hp_metric=False,
            purge_step=step + 1 if step else None,
        )
        self._directory, self._step = directory, step

    @property
    def log_dir(self) -> str:
        """As it is named: Lightning would replace what looks like a variable in it."""
        return str(self._directory)

    @rank_zero_only
    def log_hyperparams(self, params: Any, metrics: Any = None, step: int | None = None) -> None:
        """Once for a run: for the table of settings, and as text."""
        super().log_hyperparams(params, metrics, step)
        if self._step == 0:
            flat = self._sanitize_params(flattened(params))
            self.experiment.add_hparams(flat, {}, run_name=".")
            text = yaml.safe_dump(params, sort_keys=False, allow_unicode=True)
            self.experiment.add_text("configuration", "".join(f"    {line}\n" for line in text.splitlines()))


def flattened(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Values by dotted key."""
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        flat |= flattened(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return flat


class OneRun(WandbLogger):
    """W&B's logger for a run directory: one W&B run, however often training goes on, which ends with the training, so
    that jobs of a sweep do not merge. DIR/wandb.json keeps its id, and the last step that it was given; DIR/wandb is
    W&B's own.

    Args:
        save_dir: the run directory.
        settings: as wandb.init has them.

    Attributes:
        before: the last step that it was given before this attempt, -1 for none; it is given nothing twice.
    """

    def __init__(self, *, save_dir: Path, **settings: object) -> None:
        super().__init__(save_dir=save_dir, reinit="create_new", **settings)  # type: ignore[arg-type]
        self._kept = save_dir / "wandb.json"
        self.before = -1

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """The W&B run; begun, or gone on with, at the first use, on rank 0.

        Raises:
            UserError: W&B refuses, or what is kept is damaged.
        """
        if self._experiment is None:
            import wandb

            if not os.path.lexists(self._kept):
                write_json(self._kept, {"id": secrets.token_hex(8), "step": -1})
            kept = door.read_json(self._kept, schemas.WANDB)
            self._id, self.before = kept["id"], kept["step"]
            try:
                run = wandb.init(**{**self._wandb_init, "id": self._id})
            except wandb.Error as error:
                first = str(error).partition("\n")[0]
                raise UserError(f"logger=wandb: {first}; with WANDB_MODE=offline nothing is sent") from error
            run.define_metric("images_seen")
            run.define_metric("*", step_metric="images_seen")
            self._experiment = run
        return self._experiment

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """A row; one that it was given before a kill is not given again."""
        run = self.experiment  # which knows what came before
        if run is not None and step is not None and step > self.before:
            super().log_metrics(metrics, step)
            write_json(self._kept, {"id": self._id, "step": step})

    def finalize(self, status: str) -> None:
        """End the run."""
        super().finalize(status)
        if self._experiment is not None:
            self._experiment.finish(exit_code=0 if status == "success" else 1)
            self._experiment = None
