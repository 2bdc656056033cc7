"""A bar with images per second and time left; without a terminal, a line now and then."""

import time

import pytorch_lightning as pl
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from kantor.callbacks.scores import Scores
from kantor.models.base import GenerativeModel

REFRESH = 0.5  # seconds: the bar costs less than a thousandth of a step
LINE_EVERY = 15.0  # seconds between lines where there is no terminal


class ProgressBar(pl.Callback):
    """Shows how far training is, on stderr, from rank 0.

    Args:
        title: what is trained.
        scores: whose latest is shown, if there are any.
    """

    def __init__(self, *, title: str, scores: Scores | None) -> None:
        self.title = title
        self.scores = scores
        self.console = Console(stderr=True)
        self._bar: Progress | None = None
        self._shown_at = 0.0
        self._shown_step = -1
        self._began_at = 0.0
        self._began_with: dict[str, int] = {"images_seen": 0, "steps": 0}

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Put the bar up."""
        assert isinstance(pl_module, GenerativeModel)
        self._began_at = self._shown_at = time.perf_counter()
        self._began_with = pl_module.counters()
        if not trainer.is_global_zero or not self.console.is_terminal:
            return
        self._bar = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(),
            TextColumn("[cyan]{task.fields[scores]}"),
            console=self.console,
            refresh_per_second=2,
        )
        total = trainer.max_steps if trainer.max_steps > 0 else None
        self._task = self._bar.add_task(self.title, total=total, completed=pl_module.steps, speed="", scores="")
        self._bar.start()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """Move it."""
        assert isinstance(pl_module, GenerativeModel)
        now = time.perf_counter()
        if not trainer.is_global_zero or now - self._shown_at < (REFRESH if self._bar is not None else LINE_EVERY):
            return
        self._shown_at = now
        self._show(trainer, pl_module)

    def _show(self, trainer: pl.Trainer, model: GenerativeModel) -> None:
        self._shown_step = model.steps
        elapsed = max(time.perf_counter() - self._began_at, 1e-9)
        speed = (model.images_seen - self._began_with["images_seen"]) / elapsed
        scores = self.scores.headline if self.scores is not None else ""
        if self._bar is not None:
            self._bar.update(self._task, completed=model.steps, speed=f"{speed:,.0f} images/s", scores=scores)
            return
        total, left = "", ""
        if trainer.max_steps > 0:
            total = f"/{trainer.max_steps}"
            done = max(model.steps - self._began_with["steps"], 1)
            left = f", {(trainer.max_steps - model.steps) * elapsed / done:.0f} s left"
        line = f"{self.title}: step {model.steps}{total}, {speed:,.0f} images/s{left}  {scores}"
        self.console.print(line.rstrip(), soft_wrap=True, highlight=False, markup=False)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take it down."""
        assert isinstance(pl_module, GenerativeModel)
        if trainer.is_global_zero and self._shown_step != pl_module.steps:
            self._show(trainer, pl_module)
        self._take_down()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Take it down."""
        self._take_down()

    def _take_down(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
