"""What an objective sees of a critic or discriminator: a callable, one number per sample."""

import itertools
from collections.abc import Callable

from torch import Tensor, nn

Critic = Callable[[Tensor], Tensor]
"""(B, …) → (B,): a score in Wasserstein models, a logit in GANs."""


def without_normalisation(critic: nn.Module) -> str | None:
    """The words that make a critic without batch normalisation, key=null; None where it has none.

    The key is that of the network that is normalised: `model.critic`, or `model.critic.network` where a conditional
    critic is made of it.
    """
    layers = (name for name, layer in critic.named_modules() if isinstance(layer, nn.modules.batchnorm._BatchNorm))
    first = next(layers, None)
    if first is None:
        return None
    around = itertools.takewhile(lambda part: part == "network", first.split("."))
    return ".".join(["model.critic", *around, "normalise=null"])
