"""What every pattern of optimisation has: how a gradient is bounded, and in how many passes it is made."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from kantor import user_code
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
    """Make an optimizer for one number, and step torch's, to see whether its settings are accepted and it can be used.

    Raises:
        UserError: they are not, or cannot; `name` says whose they are.
    """
    try:
        _try_factory(name, make)
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"{name}: {user_code.reason(error)}") from error


def _try_factory(name: str, make: OptimizerFactory) -> None:
    with torch.device("cpu"):  # models may be made on meta, which has no numbers
        number = nn.Parameter(torch.zeros(1, 1))
        number.grad = torch.ones_like(number)
        optimizer = make([number])
        if not isinstance(optimizer, torch.optim.Optimizer):
            kind = type(optimizer).__name__
            raise UserError(f"{name}: {kind} is no optimizer: name a class of torch.optim, or one of yours")
        _check_closure(name, optimizer)
        of_torch = type(optimizer).__module__.startswith("torch.")  # others are tried as a whole
        if of_torch and not any(group.get("capturable") for group in optimizer.param_groups):  # on a GPU alone
            optimizer.step()


def _check_closure(name: str, optimizer: torch.optim.Optimizer) -> None:
    kind = type(optimizer).__name__
    closure = inspect.signature(type(optimizer).step).parameters.get("closure")
    if closure is None:
        raise UserError(f"{name}: {kind}.step takes no closure, which torch asks for: write step(self, closure=None)")
    if closure.default is inspect.Parameter.empty:
        raise UserError(
            f"{name}: {kind} computes its loss several times in a step, by a closure, which no loop here gives it; "
            "take one that steps by the gradient, such as torch.optim.Adam"
        )
