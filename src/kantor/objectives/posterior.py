"""What an encoder says of a latent vector: a Gaussian with a variance for each dimension, q(z | x)."""

import math
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, eq=False)
class Posterior:
    """N(mean, exp(log_variance)) for each of B samples.

    Attributes:
        mean, log_variance: (B, d).
    """

    mean: Tensor
    log_variance: Tensor

    @classmethod
    def of(cls, given: Tensor) -> "Posterior":
        """Of what an encoder gives, means and logarithms of variances, (B, 2d); in float32."""
        mean, log_variance = given.float().chunk(2, dim=1)
        return cls(mean, log_variance)

    def at(self, noise: Tensor) -> Tensor:
        """z of standard normal noise (K, B, d), of the same shape: mean + exp(½·log_variance)·noise."""
        return self.mean + (self.log_variance / 2).exp() * noise

    def log_prob(self, noise: Tensor) -> Tensor:
        """log q of what `at` makes of noise (K, B, d), in nats, (K, B)."""
        return log_standard(noise) - self.log_variance.sum(1) / 2

    def kl(self) -> Tensor:
        """KL(q ‖ N(0, I)) of each dimension, in nats, (B, d): ½(μ² + σ² - 1 - log σ²) (Kingma & Welling 2014,
        arXiv:1312.6114, appendix B)."""
        return (self.mean.square() + self.log_variance.exp() - 1 - self.log_variance) / 2


def log_standard(z: Tensor) -> Tensor:
    """log N(z; 0, I) of (…, d), in nats, (…)."""
    return -(z.square().sum(-1) + z.shape[-1] * math.log(2 * math.pi)) / 2
