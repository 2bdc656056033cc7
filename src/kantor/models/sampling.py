"""Sampling: how a model is asked for samples, which is chosen after training and told with every score."""

from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

from kantor import keyed
from kantor.samplers.direct import Sampler

OF_EVERY_SAMPLER = ("sampler", "nfe")
"""What every sampler says of itself; the rest are settings, whose names may be those of other things: `steps`."""


class Samples(Protocol):
    """A model that can be sampled."""

    def sample(
        self, n: int, *, rng: keyed.Rng, sampler: Sampler, weights: str, condition: Tensor | None = None
    ) -> Tensor:
        """`n` samples, (n, …)."""
        ...


@dataclass(frozen=True)
class Sampling:
    """With which weights, by which sampler.

    Attributes:
        weights: `raw`, `ema`, or `ema:0.999` where several averages are kept.
        sampler: how samples are drawn.
    """

    weights: str
    sampler: Sampler

    def __call__(self, model: Samples, n: int, *, rng: keyed.Rng, condition: Tensor | None = None) -> Tensor:
        """`n` samples of a model, in [-1, 1] or in data units for points, (n, …).

        Args:
            model: whose.
            n: how many.
            rng: where the noise comes from.
            condition: labels, int64 (n,), for a conditional model; None lets it draw them as its data have them.
        """
        return model.sample(n, rng=rng, sampler=self.sampler, weights=self.weights, condition=condition)

    def describe(self) -> dict[str, Any]:
        """For the card: `weights`, `sampler`, `nfe`, and the sampler's settings as the command line names them, such as
        `sampler.steps`."""
        said = self.sampler.describe()
        return {"weights": self.weights} | {
            name if name in OF_EVERY_SAMPLER else f"sampler.{name}": value for name, value in said.items()
        }
