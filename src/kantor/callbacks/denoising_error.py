"""The error of a denoiser by level of noise, beside that of the denoiser which knows the training set by heart.

On training pictures nobody errs less than that one: what a network errs more is its regret, and one that comes near it
where there is little noise has memorised. On other pictures it can only name pictures that it has seen, and a network
that generalises errs less.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter
from torch import Tensor

from kantor import keyed
from kantor.callbacks.exposed import Exposed, exact_errors
from kantor.callbacks.pictures import ImagePicture
from kantor.data import pixels
from kantor.errors import require_positive
from kantor.models.base import GenerativeModel
from kantor.models.networks import evaluating
from kantor.models.protocols import HasDenoisingLoss
from kantor.noising.coupling import Independent
from kantor.noising.levels import Levels
from kantor.report.palette import GRID, MUTED, series_colour

AT_ONCE = 32
"""Pictures that a network sees in one pass."""

LOWEST = 0.25
"""Of the smallest error of a network: how far down the figure goes. Those of the exact denoiser come to 0."""

NETWORK, EXACT = "the network", "the exact denoiser"
LINES = {NETWORK: "o-", EXACT: "--"}

LESSON = (
    "The exact denoiser knows the training pictures by heart. On them nobody errs less: a network\n"
    "that comes near it where there is little noise has memorised. On held-out pictures a network\n"
    "that generalises errs less than it."
)


class Errors(NamedTuple):
    """Mean squared errors of a denoiser for each number of a picture, by level of noise.

    Attributes:
        training: on pictures of the training set, float64 (L,).
        held_out: on others, float64 (L,); NaN where there are none.
    """

    training: Tensor
    held_out: Tensor


@dataclass(eq=False, kw_only=True)
class DenoisingError(ImagePicture):
    """On some training pictures and as many held-out ones, each time the same and under the same noise. What the exact
    denoiser errs is computed once.

    Attributes:
        n: pictures of either kind.
        levels: of noise, spread as the times are that training looks at.
        largest: how many numbers a training set may have for the exact denoiser, which passes through all of them.

    Raises:
        UserError: a size is not positive.
    """

    n: int
    levels: int
    largest: int

    name = "denoising_error"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(n=self.n, levels=self.levels, largest=self.largest)
        self._exact: Errors | None = None

    def refusal(self, model: GenerativeModel) -> str | None:
        """It needs pictures, and a denoiser that was trained at some times."""
        if not isinstance(model, HasDenoisingLoss):
            return f"a denoiser is expected, {type(model).__name__} has none"
        return super().refusal(model)

    def draw(self, model: GenerativeModel) -> Figure:
        """The model as it is now."""
        found, reason = {NETWORK: self.of_network(model)}, self.without_exact(model)
        if reason is None:
            self._exact = self.of_exact(model) if self._exact is None else self._exact
            found[EXACT] = self._exact
        figure = Figure(figsize=(9, 6.4), dpi=100, layout="constrained")
        draw_errors(figure.subplots(), self.at(model).u, found)
        figure.suptitle(f"error of the denoiser by noise ({self.scene.caption(model)})", fontsize=16)
        figure.supxlabel(LESSON if reason is None else reason, fontsize=12, color=MUTED)
        return figure

    def at(self, model: GenerativeModel) -> Levels:
        """The levels, (L,), from the least noise to the most."""
        assert isinstance(model, HasDenoisingLoss)
        evenly = (torch.arange(self.levels, dtype=torch.float64) + 0.5) / self.levels
        return model.path.at(model.objective.times.quantile(evenly, model.path).unique())

    def of_network(self, model: GenerativeModel) -> Errors:
        """What the network errs."""
        assert isinstance(model, HasDenoisingLoss)
        networks, exposed, errors = model.weights(self.scene.sampling.weights), self._exposed(model), []
        with evaluating(networks):
            for rows in torch.arange(len(exposed)).split(AT_ONCE):
                some = exposed.rows(rows).to(model.device)
                errors.append(some.errors(model.denoiser_of(networks, some.labels)))
        return self._means(torch.cat(errors))

    def of_exact(self, model: GenerativeModel) -> Errors:
        """What the exact denoiser of the training set errs, for a conditional model that of each class."""
        return self._means(exact_errors(self._exposed(model), self.images.train, mirrored=self.images.flip))

    def without_exact(self, model: GenerativeModel) -> str | None:
        """Why the exact denoiser is not shown, in a sentence; None where it is."""
        assert isinstance(model, HasDenoisingLoss)
        if not isinstance(model.objective.coupling, Independent):
            return "The exact denoiser is not shown: noise is chosen to fit its picture, and another one is the best."
        numbers = len(self.images.train) * int(np.prod(self.images.sample_shape))
        if numbers > self.largest:
            return (
                f"The exact denoiser is not shown: the training set has {numbers:,} numbers (largest={self.largest:,})."
            )
        return None

    def _chosen(self) -> list[np.ndarray]:
        """Which pictures of the training set are shown, and which of those held out; (at most n,) each."""
        sizes = (len(self.images.train), len(self.images.test))
        return [keyed.generator(self.scene.seed, "picture real").permutation(size)[: self.n] for size in sizes]

    def _exposed(self, model: GenerativeModel) -> Exposed:
        """They at all levels."""
        both = zip((self.images.train, self.images.test), self._chosen(), strict=True)
        shown = [(images, rows) for images, rows in both if len(rows)]
        x = torch.cat([pixels.to_model(images.take(rows)) for images, rows in shown])
        noise = keyed.Rng(keyed.seed(self.scene.seed, "picture")).normal(*x.shape)
        if model.classes is None:
            return Exposed.of(x, noise, self.at(model), None)
        labels = np.concatenate([images.labels_of(rows) for images, rows in shown])
        return Exposed.of(x, noise, self.at(model), torch.from_numpy(labels))

    def _means(self, errors: Tensor) -> Errors:
        """Over the pictures of either kind, of errors (L·n,)."""
        sizes = [len(rows) for rows in self._chosen()]
        return Errors(*(of_kind.mean(1) for of_kind in errors.reshape(-1, sum(sizes)).split(sizes, 1)))


def draw_errors(axes: Axes, u: Tensor, found: Mapping[str, Errors]) -> None:
    """A curve for each denoiser and either kind of pictures.

    Args:
        axes: where.
        u: levels, (L,).
        found: errors by the name of the denoiser.
    """
    for who, errors in found.items():
        for place, (kind, of_kind) in enumerate(zip(("training", "held-out"), errors, strict=True)):
            if of_kind.isfinite().any():
                name = f"{who}, {kind} pictures"
                axes.plot(u, of_kind, LINES[who], color=series_colour(place), lw=2.5, ms=6, label=name)
    of_network = torch.cat(found[NETWORK])
    axes.set_yscale("log", nonpositive="clip")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_ylim(bottom=LOWEST * float(of_network[of_network > 0].min()))
    axes.set_xlim(0, 1)
    axes.grid(color=GRID)
    axes.tick_params(labelsize=12)
    axes.set_xlabel("share of noise, σ/(α + σ)", fontsize=14)
    axes.set_ylabel("mean squared error of a pixel", fontsize=14)
    axes.legend(fontsize=12, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2, frameon=False)
