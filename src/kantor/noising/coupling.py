"""Couplings: which noise of a batch goes with which of its samples."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor


class Coupling(ABC):
    """A pairing; samples keep their order, and so their labels."""

    @abstractmethod
    def __call__(self, x: Tensor, noise: Tensor) -> Tensor:
        """The noise (B, …) in the order in which it goes with samples x (B, …)."""


@dataclass(frozen=True)
class Independent(Coupling):
    """As it comes."""

    def __call__(self, x: Tensor, noise: Tensor) -> Tensor:
        """The noise."""
        return noise


@dataclass(frozen=True)
class OptimalTransport(Coupling):
    """The pairing with the least sum of squared distances (Tong et al. 2024, arXiv:2302.00482, section 3.2; Pooladian
    et al. 2023, arXiv:2304.14772), of the samples that one process takes in one pass: so it depends on how many
    these are."""

    def __call__(self, x: Tensor, noise: Tensor) -> Tensor:
        """The noise, permuted."""
        cost = torch.cdist(x.flatten(1).cpu().double(), noise.flatten(1).cpu().double()).square()
        _, column = linear_sum_assignment(cost.numpy())
        return noise[torch.as_tensor(column, device=noise.device)]
