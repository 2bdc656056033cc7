"""A latent plane: where pictures lie in it, and what is decoded of its places."""

from dataclasses import dataclass

import matplotlib
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from kantor.callbacks.codes import CodePicture, Codes
from kantor.errors import require_at_least
from kantor.models.base import GenerativeModel
from kantor.models.latent import Normal
from kantor.samples import sheets

CLASSES = matplotlib.colormaps["tab10"]


@dataclass(eq=False, kw_only=True)
class LatentPlane(CodePicture):
    """The latent vectors of held-out pictures, in the colours of their classes, and beside them what is decoded at
    places that hold equal shares of N(0, I) (Kingma & Welling 2014, arXiv:1312.6114, figure 4).

    Attributes:
        side: side × side places.

    Raises:
        UserError: a size is out of range.
    """

    side: int

    name = "latent_plane"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_at_least(2, side=self.side)

    def refusal(self, model: GenerativeModel) -> str | None:
        """Of a plane alone."""
        reason = super().refusal(model)
        latent = getattr(model, "latent", None)
        if reason is None and not (isinstance(latent, Normal) and latent.dim == 2):
            return "a latent plane is expected, model.latent.dim=2"
        return reason

    def draw(self, model: GenerativeModel) -> Figure:
        """The model as it is now."""
        places = torch.special.ndtri((torch.arange(self.side, dtype=torch.float64) + 0.5) / self.side).float()
        y, x = torch.meshgrid(places.flip(0), places, indexing="ij")  # the top row has the largest y
        images = self.decoded(model, torch.stack([x, y], dim=-1).view(-1, 2).to(model.device))
        figure = Figure(figsize=(13.2, 6.8), dpi=100, layout="constrained")
        left, right = figure.subplots(1, 2)
        scatter(left, self.codes(model))
        tiles(right, images, self.side)
        figure.suptitle(f"the latent plane ({self.scene.caption(model)})", fontsize=16)
        return figure


def scatter(axes: Axes, codes: Codes) -> None:
    """Latent vectors, one colour for each of the first ten classes."""
    z = codes.z.cpu().numpy()
    labels = np.zeros(len(z), dtype=np.int64) if codes.labels is None else codes.labels
    for label in np.unique(labels)[: CLASSES.N]:
        x, y = z[labels == label].T
        name = "" if codes.labels is None else str(label)
        axes.scatter(x, y, s=9, alpha=0.7, linewidths=0, color=CLASSES(int(label) % CLASSES.N), label=name)
    if codes.labels is not None:
        axes.legend(markerscale=2.5, fontsize=11, loc="center left", bbox_to_anchor=(1, 0.5))
    axes.set(aspect="equal")
    axes.set_title("held-out pictures by class" if codes.labels is not None else "held-out pictures", fontsize=14)


def tiles(axes: Axes, images: Tensor, side: int) -> None:
    """Pictures (side², C, H, W) where their latent vectors lie."""
    axes.imshow(np.asarray(sheets.tile(images, side)), cmap="gray", vmin=0, vmax=255)
    axes.set_axis_off()
    axes.set_title("decoded, at equal shares of the prior", fontsize=14)
