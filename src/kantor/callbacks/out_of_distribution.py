"""Whether a model knows data from what is none: the heights of its surface at training pictures, held-out ones, damaged
ones, noise, and its own samples. An energy should be low at data, held-out ones as well, and high elsewhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from torch import Tensor

from kantor import keyed
from kantor.callbacks.pictures import ImagePicture
from kantor.data import pixels
from kantor.errors import require_positive
from kantor.models.base import GenerativeModel
from kantor.models.protocols import HasSurface
from kantor.report.palette import GRID, series_colour

PARTS = 4
"""Along either side of a picture that is torn."""
LINEAR = 3.0
"""Standard deviations up to which the axis of heights is linear."""
TICKS = [0, *(sign * digit * 10**power for sign in (-1, 1) for digit in (1, 3) for power in range(8))]


@dataclass(eq=False, kw_only=True)
class OutOfDistribution(ImagePicture):
    """A histogram of heights for each kind of picture, the same pictures each time.

    Attributes:
        n: pictures of each kind.

    Raises:
        UserError: it is not positive.
    """

    n: int

    name = "out_of_distribution"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(n=self.n)

    def refusal(self, model: GenerativeModel) -> str | None:
        """It needs a surface."""
        if not isinstance(model, HasSurface) or model.surface_name is None:
            return f"a number for every picture is expected, such as an energy, {type(model).__name__} has none"
        return super().refusal(model)

    def draw(self, model: GenerativeModel) -> Figure:
        """The model as it is now."""
        assert isinstance(model, HasSurface)
        heights = {name: model.surface(x).cpu().numpy() for name, x in self.kinds(model).items()}
        figure = Figure(figsize=(9.5, 6), dpi=100, layout="constrained")
        draw_heights(figure.subplots(), heights, words=f"{model.surface_name}")
        figure.suptitle(f"{model.surface_name} of data and of what is none ({self.scene.caption(model)})", fontsize=16)
        return figure

    def kinds(self, model: GenerativeModel) -> Mapping[str, Tensor]:
        """Pictures of each kind, in [-1, 1], (n, C, H, W)."""
        real = self._of("train", model.device)
        rng = keyed.Rng(keyed.seed(self.scene.seed, "picture damage"), device=model.device)
        return {
            "training": real,
            "held out": self._of("test", model.device),
            "model's own": self.scene.samples(model, len(real)),
            "inverted": -real,
            "torn": torn(real, rng),
            "noise": 2 * rng.uniform(*real.shape) - 1,
        }

    def _of(self, split: str, device: torch.device) -> Tensor:
        images = self.images.train if split == "train" else self.images.test
        chosen = keyed.generator(self.scene.seed, "picture real").permutation(len(images))[: self.n]
        return pixels.to_model(images.take(chosen)).to(device)


def torn(x: Tensor, rng: keyed.Rng) -> Tensor:
    """Pictures (n, C, H, W) cut into `PARTS`² equal parts that change places, in each picture in another way; what is
    left over at the right and below stays."""
    n, channels, height, width = x.shape
    tall, wide = max(1, height // PARTS), max(1, width // PARTS)
    rows, columns = min(PARTS, height), min(PARTS, width)
    whole = x.clone()
    area = whole[..., : rows * tall, : columns * wide]
    parts = area.unfold(2, tall, tall).unfold(3, wide, wide).flatten(2, 3)  # (n, C, places, tall, wide)
    order = rng.uniform(n, rows * columns).argsort(1)[:, None, :, None, None].expand_as(parts)
    moved = parts.gather(2, order).unflatten(2, (rows, columns))
    area.copy_(moved.permute(0, 1, 2, 4, 3, 5).reshape(n, channels, rows * tall, columns * wide))
    return whole


def draw_heights(axes: Axes, heights: Mapping[str, np.ndarray], *, words: str) -> None:
    """A histogram for each kind, (n,) each, in common bins.

    Heights are told in standard deviations of the first kind from its mean, since where an energy is 0 says nothing;
    the axis is logarithmic far away, where noise is, hundreds of them off.
    """
    first = next(iter(heights.values()))
    spread = float(first.std()) or 1.0
    bent = {name: np.arcsinh((values - first.mean()) / spread / LINEAR) for name, values in heights.items()}
    together = np.concatenate(list(bent.values()))
    bins = np.histogram_bin_edges(together[np.isfinite(together)], bins=60)
    edges = LINEAR * np.sinh(bins)
    for place, (name, values) in enumerate(bent.items()):
        counts, _ = np.histogram(values, bins=bins)  # not by the edges, which by rounding leave the outermost out
        training, colour = place == 0, series_colour(place)
        axes.stairs(counts, edges, label=name, color=colour, fill=training, alpha=0.35 if training else 1, lw=2.2)
    axes.set_xscale("asinh", linear_width=LINEAR)
    axes.set_xticks([place for place in TICKS if edges[0] <= place <= edges[-1]], minor=False)
    axes.xaxis.set_major_formatter("{x:,g}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel(f"{words}, in standard deviations of the {next(iter(heights))} pictures'", fontsize=14)
    axes.set_ylabel("pictures", fontsize=14)
    axes.grid(color=GRID)
    axes.tick_params(labelsize=12)
    axes.legend(fontsize=12)
