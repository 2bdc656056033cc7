"""The relativistic pairing loss: real against generated, pair by pair (Jolicoeur-Martineau 2018, arXiv:1807.00734)."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torch.nn.functional import softplus

from kantor.errors import require_at_least
from kantor.keyed import Rng
from kantor.objectives.adversarial import AdversarialObjective
from kantor.objectives.critic import Critic
from kantor.objectives.penalties import zero_centred_penalty


@dataclass(frozen=True)
class Relativistic(AdversarialObjective):
    """The discriminator minimises E log(1 + exp(-(f(x) - f(G(z))))) + R1 + R2, the generator the first term mirrored.

    The loss of R3GAN (Huang et al. 2024, arXiv:2501.05441, section 2), with R1 = γ/2·E‖∇f(x)‖² and
    R2 = γ/2·E‖∇f(G(z))‖² (Mescheder et al. 2018, arXiv:1801.04406, section 4). A batch's i-th real sample meets its
    i-th generated one.

    Attributes:
        gamma: γ.
    """

    gamma: float
    unbounded: ClassVar[bool] = True
    double_backward: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require_at_least(0, gamma=self.gamma)

    def critic_terms(self, critic: Critic, real: Tensor, fake: Tensor, *, rng: Rng | None = None) -> dict[str, Tensor]:
        """`pairs`: E log(1 + exp(f(G(z)) - f(x))), nats; `r1` and `r2`: the penalties at `real` and at `fake`."""
        return {
            "pairs": softplus(critic(fake) - critic(real)).mean(),
            "r1": self.gamma / 2 * zero_centred_penalty(critic, real),
            "r2": self.gamma / 2 * zero_centred_penalty(critic, fake),
        }

    def generator_loss(self, critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
        """E log(1 + exp(f(x) - f(G(z)))), nats."""
        return softplus(critic(real) - critic(fake)).mean()
