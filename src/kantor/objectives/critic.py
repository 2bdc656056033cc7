"""What an objective sees of a critic or discriminator: a callable, one number per sample."""

from collections.abc import Callable

from torch import Tensor

Critic = Callable[[Tensor], Tensor]
"""(B, …) → (B,): a score in Wasserstein models, a logit in GANs."""
