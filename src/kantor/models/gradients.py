"""Norms of the gradients that a step left in the networks: what every pattern of optimisation can log."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from kantor.models.charts import Chart


def chart(networks: Iterable[str]) -> Chart:
    """Of the networks by their names."""
    return Chart(
        "gradients",
        "Gradient norms",
        {f"train/{name}_gradient": name for name in networks},
        meaning="the Euclidean norm of each network's gradient in its last step",
        good="of one order of magnitude throughout",
        suspicious="a fall to nothing: that network learns no more; jumps by orders of magnitude: steps are too long",
    )


def gradient_norms(networks: Mapping[str, nn.Module]) -> dict[str, Tensor]:
    """Of each network the Euclidean norm over all weights' gradients of its last backward pass, a scalar."""
    return {f"train/{name}_gradient": gradient_norm(network) for name, network in networks.items()}


def gradient_norm(network: nn.Module) -> Tensor:
    """The Euclidean norm over all weights' gradients of the last backward pass, a scalar."""
    return torch.nn.utils.get_total_norm(
        [torch.zeros_like(weight) if weight.grad is None else weight.grad for weight in network.parameters()]
    )
