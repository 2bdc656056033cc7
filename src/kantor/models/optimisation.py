"""What every pattern of optimisation has: how a gradient is bounded, and in how many passes it is made."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from kantor.errors import UserError, require_positive
from kantor.nets.spectral import iterates

OptimizerFactory = Callable[[Any], torch.optim.Optimizer]
"""Makes an optimizer from parameters; a `_partial_` of a torch.optim class in YAML."""


@dataclass(frozen=True, kw_only=True)
class Optimisation:
    """A family adds who is stepped by which optimizer.

    Attributes:
        gradient_clip_norm: the largest Euclidean norm of a network's gradient (Pascanu et al. 2013, arXiv:1211.5063,
            algorithm 1); None leaves gradients as they are.
        accumulate: passes in which a batch goes through the networks, one part after the other; their gradients are
            averaged. What networks keep for a backward pass is that of one part; the batch itself is there whole.
    """

    gradient_clip_norm: float | None
    accumulate: int

    def __post_init__(self) -> None:
        require_positive(accumulate=self.accumulate)
        if self.gradient_clip_norm is not None:
            require_positive(gradient_clip_norm=self.gradient_clip_norm)

    def clip(self, network: nn.Module) -> None:
        """Bound the gradient that a backward pass left in a network."""
        if self.gradient_clip_norm is not None:
            nn.utils.clip_grad_norm_(network.parameters(), self.gradient_clip_norm)

    def check_networks(self, networks: dict[str, nn.Module]) -> None:
        """Check that parts of a batch make the gradient that the whole makes.

        Raises:
            UserError: a network's samples influence each other.
        """
        if self.accumulate == 1:
            return
        for name, network in networks.items():
            layers = list(network.modules())
            if any(isinstance(layer, nn.modules.batchnorm._BatchNorm) for layer in layers):
                why = "has batch normalisation, whose statistics would be those of a part of the batch"
            elif any(iterates(layer) for layer in layers):
                why = "has spectral normalisation, whose power iteration would go on with each part of the batch"
            else:
                continue
            raise UserError(
                f"optimisation.accumulate={self.accumulate}: the {name} {why}; take networks without, or "
                "optimisation.accumulate=1"
            )


@dataclass(frozen=True, kw_only=True)
class SingleOptimisation(Optimisation):
    """One optimizer for all that is learned.

    Attributes:
        optimizer: makes it.
    """

    optimizer: OptimizerFactory

    def __post_init__(self) -> None:
        super().__post_init__()
        check_factory("optimizer", self.optimizer)


def check_factory(name: str, make: OptimizerFactory) -> None:
    """Make an optimizer for one number, to see whether its settings are accepted.

    Raises:
        UserError: they are not; `name` says whose they are.
    """
    try:
        optimizer = make([nn.Parameter(torch.zeros(1, device="cpu"))])
    except (ValueError, TypeError, RuntimeError, IndexError) as error:
        raise UserError(f"{name}: {str(error).splitlines()[0]}") from error
    assert isinstance(optimizer, torch.optim.Optimizer), f"{name}: {type(optimizer).__name__} is no optimizer"
