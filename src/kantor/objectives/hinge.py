"""The hinge loss: samples that are on their side of the margin push no more (Lim & Ye 2017, arXiv:1705.02894)."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torch.nn.functional import relu

from kantor.keyed import Rng
from kantor.objectives.adversarial import AdversarialObjective
from kantor.objectives.critic import Critic


@dataclass(frozen=True)
class Hinge(AdversarialObjective):
    """The discriminator minimises E max(0, 1 - f(x)) + E max(0, 1 + f(G(z))), the generator -E f(G(z)).

    In this form Miyato et al. 2018 (arXiv:1802.05957, equations 16 and 17).
    """

    has_zero: ClassVar[bool] = True
    unbounded: ClassVar[bool] = True

    def critic_terms(self, critic: Critic, real: Tensor, fake: Tensor, *, rng: Rng | None = None) -> dict[str, Tensor]:
        """`real`: E max(0, 1 - f(x)); `fake`: E max(0, 1 + f(G(z)))."""
        return {"real": relu(1 - critic(real)).mean(), "fake": relu(1 + critic(fake)).mean()}

    def generator_loss(self, critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
        """-E f(G(z))."""
        return -critic(fake).mean()
