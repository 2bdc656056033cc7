"""Pictures while training: when they are drawn, where they are kept, and which of them fit a model.

A picture draws and returns what it drew; it is drawn by one process while the clock stands still, and leaves no trace
in the model. It asks for what a model has (`kantor.models.protocols`), never for a family.
"""

import contextlib
import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytorch_lightning as pl
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from kantor import keyed
from kantor.atomic import replacing
from kantor.callbacks.clock import Clock
from kantor.callbacks.stopping import interrupted
from kantor.callbacks.trigger import due
from kantor.callbacks.untouched import untouched
from kantor.data.images import ImageData
from kantor.data.module import BlockData
from kantor.errors import UserError, require_positive
from kantor.figure_style import own_style
from kantor.models.base import GenerativeModel
from kantor.models.sampling import Sampling
from kantor.report.pictures import evenly
from kantor.runs.directory import RunDirectory
from kantor.runs.pictures import NoPicture, opened
from kantor.tracking.attached import log_picture

FRAMES, WIDTH = 60, 800
"""Of an animation, at most, the width in pixels: it has to travel inside the run's page."""

CLASSES = 16
"""Of a conditional model, at most, that pictures show one after the other."""

Drawing = Image.Image | Figure


@dataclass(frozen=True)
class Scene:
    """What pictures are drawn of.

    Attributes:
        directory: whose samples/ and figures/ are written.
        data: the real samples.
        clock: stands still meanwhile.
        seed: the run's seed.
        sampling: how samples are drawn.
    """

    directory: RunDirectory
    data: BlockData
    clock: Clock
    seed: int
    sampling: Sampling

    def samples(self, model: GenerativeModel, n: int, *, condition: Tensor | None = None) -> Tensor:
        """`n` samples of a model, of the same noise in every picture, the first of many being those of few.

        Args:
            model: whose.
            n: how many.
            condition: labels, int64 (n,), of a conditional model; None draws them as its data have them, each time the
                same.
        """
        condition = self.labels(model, n) if condition is None else condition
        drawn = self.sampling(model, n, rng=self.noise(model), condition=condition)
        return drawn.contiguous()  # pictures of the user's may take views, whatever the networks' memory format

    def labels(self, model: GenerativeModel, n: int) -> Tensor | None:
        """Those that samples of a conditional model are drawn with, as often as its data have them, the same each time,
        int64 (n,); None of an unconditional one."""
        return None if model.classes is None else model.draw_labels(n, self._rng(model, "picture labels"))

    def noise(self, model: GenerativeModel) -> keyed.Rng:
        """Where that of all pictures comes from."""
        return self._rng(model, "picture")

    def _rng(self, model: GenerativeModel, name: str) -> keyed.Rng:
        return keyed.Rng(keyed.seed(self.seed, name), device=model.device)

    def caption(self, model: GenerativeModel) -> str:
        """At which step samples are drawn, and with which weights: `step 500, EMA`."""
        kind, _, decay = self.sampling.weights.partition(":")
        weights = {"ema": "EMA", "raw": "raw weights"}[kind]
        return f"step {model.steps:,}, {weights}{f' {decay}' if decay else ''}"


@dataclass(eq=False)
class Picture(pl.Callback, ABC):
    """Drawn every `every` steps, before the first, and after the last; figures/NAME.png is the latest.

    A run that was killed goes on from its checkpoint: what is drawn of a step is drawn again then.

    Attributes:
        scene: what is drawn.
        every: steps between pictures.

    Raises:
        UserError: `every` is not positive, or (when training starts) the picture does not fit the model or the data.
    """

    scene: Scene
    _: KW_ONLY
    every: int
    _drawn: int | None = field(default=None, init=False)

    name: ClassVar[str]
    """Of the file, and of the picture in trackers."""

    def __post_init__(self) -> None:
        require_positive(every=self.every)

    @abstractmethod
    def draw(self, model: GenerativeModel) -> Drawing | None:
        """The model as it is now; None where there is nothing to show before the end. Called without gradients."""

    def finish(self, model: GenerativeModel) -> Drawing | None:
        """What needs all steps; called when training has ended, perhaps again by another process."""
        return None

    def refusal(self, model: GenerativeModel) -> str | None:
        """Why there is no such picture of this model or these data, in a sentence; None where there is one."""
        return None

    def path(self, model: GenerativeModel) -> Path:
        """Where the picture is kept."""
        return self.scene.directory.figures / f"{self.name}.png"

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Refuse what does not fit."""
        assert isinstance(pl_module, GenerativeModel)
        reason = self.refusal(pl_module)
        if reason is not None:
            raise UserError(f"{type(self).__name__}: {reason}")

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The picture before the first step."""
        assert isinstance(pl_module, GenerativeModel)
        if pl_module.steps == 0:
            self._keep(trainer, pl_module, self.draw)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """Draw if it is time."""
        assert isinstance(pl_module, GenerativeModel)
        if due(trainer, pl_module, self.every):
            self._keep(trainer, pl_module, self.draw)
            self._drawn = pl_module.steps

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The picture that needs all steps, and the latest where it is missing; also of a run that had all its steps
        already, whose training neither begins nor ends."""
        assert isinstance(pl_module, GenerativeModel)
        if interrupted(trainer):
            return
        pl_module.to(trainer.strategy.root_device)  # Lightning has put it back on the CPU
        if self._drawn != pl_module.steps and not self.path(pl_module).is_file():
            self._keep(trainer, pl_module, self.draw)
        self._keep(trainer, pl_module, self.finish)

    def _keep(
        self, trainer: pl.Trainer, model: GenerativeModel, draw: Callable[[GenerativeModel], Drawing | None]
    ) -> None:
        """Draw on rank 0, into the run directory and to the tracker."""
        if not trainer.is_global_zero:
            return
        noise = self.scene.noise(model).layers
        untraced = untouched(model.networks().values(), noise)
        foreign = not type(self).__module__.startswith("kantor.")
        with self.scene.clock.paused(), own_style(formulas=foreign), torch.no_grad(), untraced:
            drawing = draw(model)
            if drawing is None:
                return
            path = self.path(model)
            write_picture(drawing, path)
            log_picture(trainer.loggers, f"pictures/{self.name}", path, counters=model.counters())


class Series(Picture):
    """Kept of every step, as samples/step_NNNNNNNN.png, with samples/samples.gif of them at the end."""

    name = "samples"

    def path(self, model: GenerativeModel) -> Path:
        """Names sort by step."""
        return self.scene.directory.samples / f"step_{model.steps:08d}.png"

    def finish(self, model: GenerativeModel) -> None:
        """The animation, of at most `FRAMES` pictures."""
        samples = self.scene.directory.samples
        write_gif(evenly(sorted(samples.glob("step_*.png")), FRAMES), samples / "samples.gif")


class ImagePicture(Picture):
    """A picture of images."""

    @property
    def images(self) -> ImageData:
        """The data."""
        assert isinstance(self.scene.data, ImageData)
        return self.scene.data

    def refusal(self, model: GenerativeModel) -> str | None:
        """Points are no images."""
        data = self.scene.data
        if isinstance(data, ImageData):
            return None
        return f"{ImageData.content} are expected, data={data.name} are {data.content}; take pictures=points"


def in_turn(model: GenerativeModel, n: int) -> Tensor | None:
    """Labels 0, 1, … of the classes that are shown, again and again, int64 (n,); None of an unconditional model."""
    return None if model.classes is None else torch.arange(n, device=model.device) % min(model.classes, CLASSES)


def rendered(drawing: Drawing) -> Image.Image:
    """Its pixels."""
    if isinstance(drawing, Image.Image):
        return drawing
    canvas = FigureCanvasAgg(drawing)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")


def write_picture(drawing: Drawing, path: Path) -> None:
    """Keep a drawing as a PNG file."""
    picture = rendered(drawing)
    with replacing(path) as file:
        picture.save(file, format="PNG")


def write_gif(frames: Sequence[Path], path: Path, *, seconds: float = 6.0) -> None:
    """Put PNG files of equal size together as an animation, see `write_animation`; of those that can be read none:
    nothing is written."""

    def readable() -> Iterator[Image.Image]:
        for frame in frames:
            with contextlib.suppress(NoPicture), opened(frame) as (image, _):
                image.load()
                yield image

    shown = readable()
    first = next(shown, None)
    if first is not None:
        write_animation(itertools.chain([first], shown), path, seconds=seconds)


def write_animation(frames: Iterable[Image.Image], path: Path, *, seconds: float = 6.0) -> None:
    """Put pictures of equal size together as an endless animation of about `seconds`; the last is held for 2 s more.

    Args:
        frames: at least one; each is made smaller by a whole factor until it is at most `WIDTH` pixels wide.
        path: of the GIF.
        seconds: without the last frame.
    """
    images = []
    for frame in frames:
        small = frame.convert("RGB").reduce(-(-frame.width // WIDTH))
        octree = small.quantize(128, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
        images.append(octree)  # median cut spends its colours on the background, and dulls the points
    each = max(40, int(1000 * seconds / len(images)))
    with replacing(path) as file:
        images[0].save(
            file,
            format="GIF",
            save_all=True,
            append_images=images[1:],
            duration=[each] * (len(images) - 1) + [each + 2000],
            loop=0,
        )


def admitted(
    pictures: Mapping[str, pl.Callback | None], model: GenerativeModel, *, named: Collection[str]
) -> tuple[list[pl.Callback], dict[str, str]]:
    """The pictures that fit a model and its data, and why the others do not, by name.

    Args:
        pictures: callbacks by name, as pictures.callbacks has them; None for one that was taken out.
        model: of which they are drawn.
        named: the dotted keys that the user gave a value: what a preset alone asks for may be left out.

    Raises:
        UserError: a picture that the user gave a setting does not fit, or none of those of the group that the user
            chose.
    """
    there = {name: one for name, one in pictures.items() if one is not None}
    reasons = {name: one.refusal(model) for name, one in there.items() if isinstance(one, Picture)}
    refused = {name: reason for name, reason in reasons.items() if reason is not None}
    for name, reason in refused.items():
        key = f"pictures.callbacks.{name}"
        if any(one == key or one.startswith(f"{key}.") for one in named):
            raise UserError(f"{key}: {reason}; without it: ~{key}")
    if "pictures" in named and refused and refused.keys() == there.keys():
        raise UserError(f"pictures: none of those chosen fits: {'; '.join(dict.fromkeys(refused.values()))}")
    return [one for name, one in there.items() if name not in refused], refused
