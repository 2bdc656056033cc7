"""Pictures of models that denoise: what each of them asks for."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from kantor import keyed
from kantor.callbacks.pictures import Picture
from kantor.data import pixels
from kantor.data.images import ImageData
from kantor.data.module import PointData
from kantor.errors import require_positive
from kantor.models.base import GenerativeModel
from kantor.models.protocols import HasDenoiser
from kantor.samplers.base import DenoisingSampler
from kantor.samplers.watched import Moment, Watched


@dataclass(eq=False, kw_only=True)
class DenoisingPicture(Picture):
    """One of the walk between data and noise, of points or of pictures.

    Attributes:
        n: samples that are shown.
        extent: clouds of points are seen in [-extent, extent]²; None for pictures.

    Raises:
        UserError: a size is not positive.
    """

    n: int
    extent: float | None

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(n=self.n)
        if self.extent is not None:
            require_positive(extent=self.extent)

    def refusal(self, model: GenerativeModel) -> str | None:
        """It needs a denoiser, and for points to know how far to look."""
        if not isinstance(model, HasDenoiser):
            return f"a denoiser is expected, {type(model).__name__} has none"
        data = self.scene.data
        if isinstance(data, PointData) and self.extent is None:
            return f"data={data.name} are {data.content}, for which extent is a number; take pictures=denoised_points"
        if not isinstance(data, PointData) and self.extent is not None:
            return f"data={data.name} are {data.content}, for which extent is null; take pictures=denoised_images"
        return None

    @property
    def sampler(self) -> DenoisingSampler:
        """What draws."""
        sampler = self.scene.sampling.sampler
        assert isinstance(sampler, DenoisingSampler)
        return sampler

    def way(self, model: GenerativeModel) -> str:
        """How samples are drawn, of which model, above a picture."""
        said = self.sampler.describe()
        return f"from noise to data by {said['sampler']}, {said['nfe']} evaluations ({self.scene.caption(model)})"

    def drawn(self, model: GenerativeModel, sampler: DenoisingSampler | None = None) -> tuple[Tensor, list[Moment]]:
        """The first samples of the grids (n, …), by another sampler where one is given, and how they were walked to."""
        watched = Watched(self.sampler if sampler is None else sampler)
        scene = replace(self.scene, sampling=replace(self.scene.sampling, sampler=watched))
        return scene.samples(model, self.n), watched.moments

    def real(self, device: torch.device) -> Tensor:
        """Training samples, the same each time, (n, …)."""
        data, rng = self.scene.data, keyed.generator(self.scene.seed, "picture real")
        if isinstance(data, PointData):
            return torch.tensor(data.distribution.sample(self.n, rng), dtype=torch.float32, device=device)
        assert isinstance(data, ImageData)
        chosen = np.resize(rng.permutation(len(data.train))[: self.n], self.n)
        return pixels.to_model(data.train.take(chosen)).to(device)
