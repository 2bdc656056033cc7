"""Adversarial objectives: what critic and generator minimise, as frozen dataclasses of pure functions.

f is the critic's score, D = σ(f) the discriminator's probability; `real` x ~ P and `fake` G(z) ~ Q, in this order.
Every loss is a scalar: the mean over the batch. To add one, write a dataclass here with `critic_terms` and
`generator_loss`, and a YAML in conf/objective.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from kantor.errors import UserError, require_at_least, require_positive
from kantor.keyed import Rng
from kantor.nets.spectral import iterates
from kantor.objectives.critic import Critic, first_normalisation, without_normalisation
from kantor.objectives.distance_estimate import DistanceEstimate
from kantor.objectives.penalties import gradient_penalty

MEANINGS = ("probability", "distance_estimate", "has_zero", "unbounded")
"""What an objective can say of its critic's numbers."""


@dataclass(frozen=True)
class AdversarialObjective(ABC):
    """What the one adversarial loop asks of a loss."""

    is_wasserstein: ClassVar[bool] = False
    """Whether the critic stands for a potential, whose difference of means estimates W1 (up to its slope)."""
    has_zero: ClassVar[bool] = False
    """Whether a critic's 0 means something; False where a constant added to all its numbers changes no loss."""
    unbounded: ClassVar[bool] = False
    """Whether a critic's numbers have to be free; False where they are drawn to labels that bounded ones can reach."""
    double_backward: ClassVar[bool] = False
    """Whether the critic's loss differentiates its gradient: such a critic can be neither compiled nor run in fp16."""

    def __init_subclass__(cls) -> None:
        """Another loss of the critic gives its numbers another meaning: of that nothing is inherited."""
        super().__init_subclass__()
        for name in MEANINGS if "critic_terms" in vars(cls) else ():
            if name not in vars(cls):
                setattr(cls, name, vars(AdversarialObjective)[name])

    @abstractmethod
    def critic_terms(self, critic: Critic, real: Tensor, fake: Tensor, *, rng: Rng | None = None) -> dict[str, Tensor]:
        """The terms of the critic's loss by name; scalars, and their sum is the loss.

        Args:
            critic: (B, …) → (B,).
            real: (B, …).
            fake: generated, (B, …), detached.
            rng: where random numbers come from, if any are needed; None takes torch's own.
        """

    def critic_loss(self, critic: Critic, real: Tensor, fake: Tensor, *, rng: Rng | None = None) -> Tensor:
        """What the critic minimises: the sum of its terms, a scalar."""
        return torch.stack(list(self.critic_terms(critic, real, fake, rng=rng).values())).sum()

    @abstractmethod
    def generator_loss(self, critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
        """What the generator minimises, a scalar; relativistic losses need `real` too."""

    def after_critic_step(self, critic: nn.Module) -> None:  # noqa: B027  most objectives leave the weights alone
        """Called after each step of the critic's optimizer."""

    def probability(self, values: Tensor) -> Tensor | None:
        """D, how probable it is that samples are real, of the critic's numbers, (B,): ½ where they are as likely to be
        generated. None where these say nothing of it."""
        return None

    def distance_estimate(self, critic_loss: float) -> DistanceEstimate | None:
        """The distance that a critic's loss estimates; None where there is none."""
        return None

    def check_critic(self, critic: nn.Module) -> None:
        """Check that a critic can have this loss.

        Raises:
            UserError: it cannot.
        """
        if self.double_backward and first_normalisation(critic) is not None:
            without = without_normalisation(critic)
            raise UserError(
                f"{type(self).__name__} penalises the slope at each sample, and batch normalisation mixes the samples "
                f"of a batch; take a critic without{'' if without is None else f', as {without} makes one'}"
            )


@dataclass(frozen=True)
class NonSaturating(AdversarialObjective):
    """The discriminator maximises E log D(x) + E log(1 - D(G(z))), the generator E log D(G(z)).

    Goodfellow et al. 2014 (arXiv:1406.2661), equation 1 and the end of section 3.
    """

    has_zero: ClassVar[bool] = True
    unbounded: ClassVar[bool] = True

    def critic_terms(self, critic: Critic, real: Tensor, fake: Tensor, *, rng: Rng | None = None) -> dict[str, Tensor]:
        """`real`: -E log D(x); `fake`: -E log(1 - D(G(z))); nats."""
        return {"real": softplus(-critic(real)).mean(), "fake": softplus(critic(fake)).mean()}

    def generator_loss(self, critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
        """-E log D(G(z)), nats."""
        return softplus(-critic(fake)).mean()

    def probability(self, values: Tensor) -> Tensor:
        """σ of a logit."""
        return values.sigmoid()

    def distance_estimate(self, critic_loss: float) -> DistanceEstimate:
        """JS(P, Q): the value of the game is 2·JS - 2·log 2 at the optimum of the discriminator (theorem 1)."""
        return DistanceEstimate("JS", math.log(2) - critic_loss / 2)


@dataclass(frozen=True)
class Minimax(NonSaturating):
    """The same discriminator; the generator minimises E log(1 - D(G(z))), whose gradient vanishes where D wins.

    Goodfellow et al. 2014 (arXiv:1406.2661), equation 1. At the optimum of the discriminator the value is
    2·JS(P, Q) - 2·log 2 (theorem 1), so minus `critic_loss` is.
    """

    def generator_loss(self, critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
        """E log(1 - D(G(z))), nats; at most 0."""
        return -softplus(critic(fake)).mean()


@dataclass(frozen=True)
class Wasserstein(AdversarialObjective):
    """The critic maximises E f(x) - E f(G(z)), the generator E f(G(z)); nothing yet keeps f Lipschitz."""

    is_wasserstein: ClassVar[bool] = True
    unbounded: ClassVar[bool] = True

    def critic_terms(self, critic: Critic, real: Tensor, fake: Tensor, *, rng: Rng | None = None) -> dict[str, Tensor]:
        """`real`: -E f(x); `fake`: E f(G(z))."""
        return {"real": -critic(real).mean(), "fake": critic(fake).mean()}

    def generator_loss(self, critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
        """-E f(G(z))."""
        return -critic(fake).mean()

    def distance_estimate(self, critic_loss: float) -> DistanceEstimate:
        """W1(P, Q), up to the critic's slope: minus the loss, by Kantorovich's duality."""
        return DistanceEstimate("W1", -critic_loss)


@dataclass(frozen=True)
class WassersteinClipping(Wasserstein):
    """Wasserstein with the critic's weights clipped after each of its steps (Arjovsky et al. 2017, arXiv:1701.07875,
    algorithm 1).

    Attributes:
        clip: every weight is kept in [-clip, clip].
        spare_normalisation: leave the scales and shifts of batch normalisation alone. A clipped scale makes its maps
            smaller by 1/clip, and a chain of them leaves a critic without a gradient.
    """

    clip: float
    spare_normalisation: bool

    def __post_init__(self) -> None:
        require_positive(clip=self.clip)

    def check_critic(self, critic: nn.Module) -> None:
        """Check that what is clipped is what the critic computes with.

        Raises:
            UserError: it has spectral normalisation.
        """
        super().check_critic(critic)
        if any(nn.utils.parametrize.is_parametrized(layer) or iterates(layer) for layer in critic.modules()):
            raise UserError(
                f"{type(self).__name__} clips weights which spectral or another normalisation then divides "
                "by their norm, so that nothing is clipped; take one of the two, as model.critic.constrain=null"
            )

    @torch.no_grad()
    def after_critic_step(self, critic: nn.Module) -> None:
        """Clip the weights."""
        for weight in self.clipped(critic):
            weight.clamp_(-self.clip, self.clip)

    def clipped(self, critic: nn.Module) -> Iterator[nn.Parameter]:
        """The weights that are kept within the clip."""
        for layer in critic.modules():
            if not (self.spare_normalisation and isinstance(layer, nn.modules.batchnorm._BatchNorm)):
                yield from layer.parameters(recurse=False)


@dataclass(frozen=True)
class WassersteinGradientPenalty(Wasserstein):
    """Wasserstein with λ·E[(‖∇f(x̂)‖ - 1)²] in the critic's loss (Gulrajani et al. 2017, arXiv:1704.00028, equation 3).

    Attributes:
        penalty_weight: λ.
        one_sided: penalise only slopes above 1.
    """

    penalty_weight: float
    one_sided: bool
    double_backward: ClassVar[bool] = True
    unbounded: ClassVar[bool] = True
    distance_estimate = Wasserstein.distance_estimate

    def __post_init__(self) -> None:
        require_at_least(0, penalty_weight=self.penalty_weight)

    def critic_terms(self, critic: Critic, real: Tensor, fake: Tensor, *, rng: Rng | None = None) -> dict[str, Tensor]:
        """`real`, `fake` as in `Wasserstein`; `gradient_penalty`: λ·E[(‖∇f(x̂)‖ - 1)²], one ε per sample."""
        n = len(real)
        epsilon = torch.rand(n, device=real.device) if rng is None else rng.uniform(n)
        penalty = gradient_penalty(critic, real, fake, epsilon, one_sided=self.one_sided)
        values = critic(torch.cat([real, fake]))  # one pass for both: a penalised critic mixes no samples
        return {
            "real": -values[:n].mean(),
            "fake": values[n:].mean(),
            "gradient_penalty": self.penalty_weight * penalty,
        }
