"""Held-out pictures and the latent vectors that an encoder gives them: what pictures of a latent space are made of."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from kantor import keyed
from kantor.callbacks.pictures import ImagePicture
from kantor.data import pixels
from kantor.errors import require_at_least
from kantor.models.base import GenerativeModel
from kantor.models.networks import evaluating
from kantor.models.protocols import HasCode


class Codes(NamedTuple):
    """Some held-out pictures.

    Attributes:
        real: uint8 (n, C, H, W).
        observed: what the encoder is given, (n, C, H, W).
        z: what it makes of them, (n, dim).
        labels: int64 (n,); None where the data have none.
    """

    real: Tensor
    observed: Tensor
    z: Tensor
    labels: np.ndarray | None


@dataclass(eq=False, kw_only=True)
class CodePicture(ImagePicture):
    """One of what an encoder makes of held-out pictures, the same ones each time.

    Attributes:
        n: how many.

    Raises:
        UserError: there are fewer than two.
    """

    n: int

    def __post_init__(self) -> None:
        super().__post_init__()
        require_at_least(2, n=self.n)

    def refusal(self, model: GenerativeModel) -> str | None:
        """It needs an encoder."""
        if not isinstance(model, HasCode):
            return f"an encoder is expected, {type(model).__name__} has none"
        return super().refusal(model)

    def codes(self, model: GenerativeModel) -> Codes:
        """Of the first `n`, or as many as there are."""
        assert isinstance(model, HasCode)
        held_out = self.images.test
        rows = keyed.generator(self.scene.seed, "picture held out").permutation(len(held_out))[: self.n]
        real = held_out.take(rows)
        networks = model.weights(self.scene.sampling.weights)
        with evaluating(networks):
            x = model.observation.observed(pixels.to_model(real).to(model.device), self.scene.noise(model))
            z = torch.cat([model.code(networks, part) for part in x.split(250)])
        return Codes(real, x, z, held_out.labels_of(rows))

    def decoded(self, model: GenerativeModel, z: Tensor) -> Tensor:
        """Pictures of latent vectors (n, dim), uint8 (n, C, H, W)."""
        assert isinstance(model, HasCode)
        weights = self.scene.sampling.weights
        return pixels.to_uint8(torch.cat([model.decode(part, weights=weights) for part in z.split(250)]))
