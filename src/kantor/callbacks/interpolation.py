"""From one sample to another through the latent space: a generator that has understood changes little by little."""

from collections.abc import Callable

import torch
from torch import Tensor

from kantor import keyed
from kantor.atomic import replacing
from kantor.callbacks.clock import Clock
from kantor.callbacks.pictures import ImagePicture
from kantor.data import pixels
from kantor.data.module import BlockData
from kantor.errors import UserError, require_at_least, require_positive
from kantor.models.adversarial import Adversarial
from kantor.models.base import GenerativeModel
from kantor.models.latent import Latent, Normal
from kantor.runs.directory import RunDirectory
from kantor.samples import sheets

Path = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(a, b, t): from each row of a, (n, dim), at t = 0 to that of b at t = 1, for t (m,): (n, m, dim)."""


def linear(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """(1 - t)·a + t·b, (n, m, dim)."""
    t = t[:, None]  # (m, 1)
    return (1 - t) * a[:, None] + t * b[:, None]


def spherical(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """(sin((1 - t)ω)·a + sin(tω)·b) / sin ω with ω the angle between a and b, (n, m, dim).

    Normal noise has a length near √dim, which a straight line between two vectors falls short of (White 2016,
    arXiv:1609.04468, section 2.1). Where a and b point the same or opposite ways the path is straight.
    """
    cosine = torch.nn.functional.cosine_similarity(a, b, dim=1)[:, None, None].clamp(-1, 1)
    omega = cosine.acos()  # (n, 1, 1)
    t_ = t[:, None]  # (m, 1)
    curved = (((1 - t_) * omega).sin() * a[:, None] + (t_ * omega).sin() * b[:, None]) / omega.sin()
    return torch.where(omega.sin().abs() > 1e-4, curved, linear(a, b, t))


def path_through(latent: Latent) -> Path:
    """Along which vectors stay likely: spherical for normal noise, linear for uniform (and any other)."""
    return spherical if isinstance(latent, Normal) else linear


class Interpolation(ImagePicture):
    """Writes figures/interpolation.png, anew each time: in each row EMA samples on the way between two noise vectors.

    Args:
        directory: whose figures/ is written.
        data: pictures.
        clock: stands still meanwhile.
        seed: the run's seed; the noise is the same each time.
        every: steps between versions.
        rows: pairs of noise vectors.
        columns: images in a row, both ends included.

    Raises:
        UserError: the data are points, a size is out of range, or (when drawing) the model has no latent vectors.
    """

    def __init__(
        self, *, directory: RunDirectory, data: BlockData, clock: Clock, seed: int, every: int, rows: int, columns: int
    ) -> None:
        super().__init__(directory=directory, data=data, clock=clock, seed=seed, every=every)
        require_positive(rows=rows)
        require_at_least(2, columns=columns)
        self.rows, self.columns = rows, columns

    @torch.no_grad()
    def draw(self, model: GenerativeModel) -> None:
        """The model as it is now."""
        if not isinstance(model, Adversarial):
            raise UserError(
                "pictures.callbacks.interpolation: it needs a generator of noise vectors, and the model is a "
                f"{type(model).__name__}; take ~pictures.callbacks.interpolation"
            )
        rng = keyed.Rng(keyed.seed(self.seed, "interpolation"), device=model.device)
        ends = model.latent(2 * self.rows, rng)  # (2·rows, dim)
        t = torch.linspace(0, 1, self.columns, device=ends.device)
        z = path_through(model.latent)(ends[: self.rows], ends[self.rows :], t).flatten(0, 1)  # (rows·columns, dim)
        images = pixels.to_uint8(model.decode(z, weights=model.default_weights))
        words = f"between two samples (EMA, step {model.steps:,})"
        with replacing(self.directory.figures / "interpolation.png") as temporary:
            picture = sheets.beside([sheets.titled(sheets.tile(images, self.columns), words)])
            picture.save(temporary, format="PNG", optimize=True)
