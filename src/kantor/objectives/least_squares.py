"""The least-squares loss: scores are drawn to labels, from both sides (Mao et al. 2017, arXiv:1611.04076)."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from kantor.keyed import Rng
from kantor.objectives.adversarial import AdversarialObjective
from kantor.objectives.critic import Critic


@dataclass(frozen=True)
class LeastSquares(AdversarialObjective):
    """The discriminator minimises ½E(f(x) - b)² + ½E(f(G(z)) - a)², the generator ½E(f(G(z)) - c)².

    The paper's equation 2 with its labels a = 0, b = c = 1. f is the score itself, not a logit.
    """

    has_zero: ClassVar[bool] = True

    def critic_terms(self, critic: Critic, real: Tensor, fake: Tensor, *, rng: Rng | None = None) -> dict[str, Tensor]:
        """`real`: ½E(f(x) - 1)²; `fake`: ½E f(G(z))²."""
        return {"real": (critic(real) - 1).square().mean() / 2, "fake": critic(fake).square().mean() / 2}

    def generator_loss(self, critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
        """½E(f(G(z)) - 1)²."""
        return (critic(fake) - 1).square().mean() / 2

    def probability(self, values: Tensor) -> Tensor:
        """The numbers themselves, which are drawn to 1 and 0."""
        return values
