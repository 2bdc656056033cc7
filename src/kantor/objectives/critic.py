"""What an objective sees of a critic or discriminator: a callable, one number per sample."""

import inspect
import itertools
from collections.abc import Callable

from torch import Tensor, nn

Critic = Callable[[Tensor], Tensor]
"""(B, …) → (B,): a score in Wasserstein models, a logit in GANs."""


SQUASHING = ("Sigmoid", "Tanh", "Softmax", "LogSigmoid", "Hardtanh", "Hardsigmoid", "Clamp")
RESHAPING = ("View", "UnsafeView", "Squeeze", "Unsqueeze", "Select", "Slice", "Reshape", "Mean", "ToCopy", "Expand")
"""The functions that bound what they are given, and those that change no number, by the names of torch's graph."""


def squashing(values: Tensor) -> str | None:
    """The function that a critic ends in, when it bounds the numbers; None where they can be any.

    Args:
        values: what a critic gave, with its graph.
    """
    step = values.grad_fn
    while step is not None:
        name = step.name().partition("Backward")[0]
        if name in SQUASHING:
            return name.lower()
        if name not in RESHAPING:
            return None
        step = step.next_functions[0][0]
    return None


def first_normalisation(critic: nn.Module) -> str | None:
    """The name of the first batch normalisation in a critic; None where it has none."""
    layers = (name for name, layer in critic.named_modules() if isinstance(layer, nn.modules.batchnorm._BatchNorm))
    return next(layers, None)


def without_normalisation(critic: nn.Module) -> str | None:
    """The words that make a critic without batch normalisation, key=null; None where it has none, or no such key.

    The key is that of the network that is normalised: `model.critic`, or `model.critic.network` where a conditional
    critic is made of it.
    """
    first = first_normalisation(critic)
    if first is None:
        return None
    around = list(itertools.takewhile(lambda part: part == "network", first.split(".")))
    normalised = critic.get_submodule(".".join(around))
    if "normalise" not in inspect.signature(type(normalised).__init__).parameters:
        return None
    return ".".join(["model.critic", *around, "normalise=null"])
