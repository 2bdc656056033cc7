"""The score field that a model has learned over the true one, and where they differ, at three levels of noise.

Arrows are the scores ∇log p_σ of the data with noise σ, as they are in the plane: the true ones in grey, the learned
ones above them in colour, so that grey shows where they differ. Below is σ²·‖s - s*‖²/2, which the scores
`score_error_near`, `score_error_between`, … average over regions, on the contours of the true log density.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from torch import Tensor

from kantor.callbacks import surfaces
from kantor.callbacks.pictures import Picture
from kantor.data.module import PointData
from kantor.errors import require_positive
from kantor.evaluation.score_field import HIGH, LOW, MIDDLE, level
from kantor.models.base import GenerativeModel, evaluating
from kantor.models.protocols import HasDenoiser
from kantor.noising.exact import Exact, exact_denoiser, exact_told
from kantor.noising.levels import Levels
from kantor.noising.path import at_ratio
from kantor.report.palette import FLOOR, GENERATED, INK

ARROWS = 23
"""Along each axis."""

ERRORS = (1e-4, 1e2)
"""The range of colours."""

FIRST_CLASS = 0
"""Of a conditional model, the one whose score is shown."""


class Field(NamedTuple):
    """Both scores on the grid of surfaces at one level, [row, column] being [y, x].

    Attributes:
        learned, true: (GRID, GRID, 2).
        log_density: of p_σ, (GRID, GRID).
    """

    learned: np.ndarray
    true: np.ndarray
    log_density: np.ndarray


@dataclass(eq=False, kw_only=True)
class ScoreField(Picture):
    """Above the arrows, below the errors.

    Attributes:
        extent: the picture shows [-extent, extent]².
    """

    extent: float

    name = "score_field"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(extent=self.extent)

    def refusal(self, model: GenerativeModel) -> str | None:
        """It needs a denoiser, of points whose true score is known at the levels of noise that are shown."""
        data = self.scene.data
        if not isinstance(data, PointData):
            return f"{PointData.content} are expected, data={data.name} are {data.content}"
        if not isinstance(model, HasDenoiser):
            return f"a denoiser is expected, {type(model).__name__} has none"
        if self._exact(model, 0) is None:
            return f"the true score of data={data.name} is not known"
        if not self._levels(model):
            return f"the model's path has no noise of {LOW}, {MIDDLE} or {HIGH} in units of the data"
        return None

    def draw(self, model: GenerativeModel) -> Figure:
        """The model as it is now."""
        shown = self._levels(model)
        figure = Figure(figsize=(4.4 * len(shown) + 0.9, 9.4), dpi=100, layout="constrained")
        panels = figure.subplots(2, len(shown), sharex=True, sharey=True, squeeze=False)
        drawn = None
        for (sigma, at), (above, below) in zip(shown.items(), panels.T, strict=True):
            found = self._field(model, sigma, at)
            draw_arrows(above, found, self.extent)
            above.set_title(f"noise {sigma}", fontsize=15)
            drawn = draw_errors(below, found, sigma, self.extent)
        assert drawn is not None
        bar = figure.colorbar(drawn, ax=list(panels[1]), extend="both", shrink=0.9)
        bar.set_label("σ²·‖s - s*‖²/2", fontsize=13)
        panels[0, 0].legend(loc="upper right", fontsize=12, framealpha=0.9)
        towards = "" if model.classes is None else f" of class {FIRST_CLASS}"
        figure.suptitle(f"the score{towards}, learned over true ({self.scene.caption(model)})", fontsize=17)
        return figure

    def _levels(self, model: GenerativeModel) -> dict[float, Levels]:
        """Those of the model's path at the noise that is shown; without what it has not."""
        assert isinstance(model, HasDenoiser)
        found = {sigma: at_ratio(model.path, sigma) for sigma in (LOW, MIDDLE, HIGH)}
        return {sigma: at for sigma, at in found.items() if at is not None}

    def _exact(self, model: GenerativeModel, n: int) -> Exact | None:
        """The denoiser that knows the truth, for n samples."""
        assert isinstance(self.scene.data, PointData)
        truth = self.scene.data.distribution
        return exact_denoiser(truth) if model.classes is None else exact_told(truth, torch.full((n,), FIRST_CLASS))

    def _field(self, model: GenerativeModel, sigma: float, at: Levels) -> Field:
        """Of raw or averaged weights, as the scene has it."""
        assert isinstance(model, HasDenoiser)
        y = surfaces.places(self.extent, torch.device("cpu")).double()  # (GRID², 2)
        exact = self._exact(model, len(y))
        assert exact is not None
        known = exact.posterior(y, level(sigma))
        networks = model.weights(self.scene.sampling.weights)
        labels = None if model.classes is None else torch.full((len(y),), FIRST_CLASS, device=model.device)
        with evaluating(networks):
            given = model.denoiser_of(networks, labels)((at.alpha * y).float().to(model.device), at).cpu().double()
        square = (surfaces.GRID, surfaces.GRID)

        def score(data: Tensor) -> np.ndarray:
            found: np.ndarray = ((data - y) / sigma**2).reshape(*square, 2).numpy()
            return found

        return Field(score(given), score(known.mean), known.log_density.reshape(square).numpy())


def draw_arrows(axes: Axes, field: Field, extent: float) -> None:
    """Both scores, in the lengths of the square root of theirs: they differ by hundreds."""
    rows = np.linspace(3, surfaces.GRID - 4, ARROWS).round().astype(int)
    ticks = np.linspace(-extent, extent, surfaces.GRID)[rows]
    some = np.ix_(rows, rows)
    longest = float(np.sqrt(np.linalg.norm(field.true[some], axis=-1).max()))
    for scores, colour, width, name in (
        (field.true[some], FLOOR, 0.009, "true"),
        (field.learned[some], GENERATED, 0.004, "learned"),
    ):
        drawn = scores / np.sqrt(np.linalg.norm(scores, axis=-1, keepdims=True) + 1e-12)
        axes.quiver(
            ticks, ticks, drawn[..., 0], drawn[..., 1], color=colour, width=width, scale=longest * ARROWS / 2.2,
            label=name, minlength=0,
        )  # fmt: skip
    _frame(axes, extent)


def draw_errors(axes: Axes, field: Field, sigma: float, extent: float) -> ScalarMappable:
    """σ²·‖s - s*‖²/2 on a logarithmic scale, with contours of the true log density."""
    ticks = np.linspace(-extent, extent, surfaces.GRID)
    error = sigma**2 * np.square(field.learned - field.true).mean(-1)
    image = axes.pcolormesh(ticks, ticks, error.clip(min=1e-12), norm=LogNorm(*ERRORS), cmap="magma_r", rasterized=True)
    heights = [field.log_density.max() - drop for drop in (18, 8, 2)]
    axes.contour(ticks, ticks, field.log_density, levels=heights, colors=INK, linewidths=0.9, linestyles="solid")
    _frame(axes, extent)
    return image


def _frame(axes: Axes, extent: float) -> None:
    axes.set(xlim=(-extent, extent), ylim=(-extent, extent), aspect="equal")
    axes.tick_params(labelsize=11)
