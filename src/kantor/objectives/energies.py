"""What an energy is trained by: a loss of states of the data, and of chains where it asks for some."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from torch import Tensor

from kantor.errors import UserError, require_at_least
from kantor.keyed import Rng
from kantor.samplers.kernels import Energy
from kantor.samplers.spaces import Space


@dataclass(frozen=True, kw_only=True)
class Kept:
    """Chains that go on from step to step of the training.

    Attributes:
        size: how many; each step moves as many as a batch has samples, others each time where there are more.
        fresh: the share of those that are moved which begin anew, in [0, 1].

    Raises:
        UserError: a number is out of its range.
    """

    size: int
    fresh: float

    def __post_init__(self) -> None:
        require_at_least(1, size=self.size)
        if not 0 <= self.fresh <= 1:
            raise UserError(f"fresh={self.fresh}: expected a share in [0, 1], such as 0.05")


class Terms(NamedTuple):
    """What a batch loses.

    Attributes:
        loss: a scalar, with its graph.
        values: what else is said of it, scalars by name, without.
        chains: where they have come to, (n, …); None where there are none.
    """

    loss: Tensor
    values: Mapping[str, Tensor]
    chains: Tensor | None = None


class EnergyObjective(ABC):
    """A frozen dataclass."""

    double_backward: ClassVar[bool] = False
    """Whether the loss is made of a gradient, which is then differentiated."""

    @property
    def kept(self) -> Kept | None:
        """Which chains the model has to keep; default none."""
        return None

    @abstractmethod
    def terms(self, energy: Energy, x: Tensor, space: Space, chains: Tensor | None, rng: Rng) -> Terms:
        """Of a batch.

        Args:
            energy: of the model.
            x: states of data, (B, …).
            space: where they are.
            chains: of those that are kept, (B, …); None where none are.
            rng: of all noise.
        """

    @abstractmethod
    def refusal(self, energy: Energy, space: Space) -> str | None:
        """Why an energy cannot be trained by it, in a clause after the setting; None where it can."""
