"""The adversarial pattern of optimisation: some critic steps, then one generator step; one loop for every objective."""

from dataclasses import dataclass
from typing import Any, Literal

import torch
from pytorch_lightning.core.optimizer import LightningOptimizer
from torch import Tensor, nn

from kantor import keyed
from kantor.data.stream import Block
from kantor.errors import UserError
from kantor.models.base import GenerativeModel, OptimizerFactory, check_factory
from kantor.models.ema import EMA, check_decay
from kantor.models.latent import Latent
from kantor.models.schedule import CriticSteps
from kantor.objectives.adversarial import AdversarialObjective
from kantor.objectives.critic import Critic


@dataclass(frozen=True)
class AdversarialOptimisation:
    """Who is stepped how.

    Attributes:
        generator: makes the generator's optimizer.
        critic: makes the critic's optimizer.
        n_critic: critic steps before each generator step.
        generator_noise: whether the generator is trained on `fresh` noise (Goodfellow et al. 2014, algorithm 1), or on
            that of the `last` critic step, which saves one pass through it (as DCGAN code usually does).
        ema_decay: of the generator's moving average, per generator step.
    """

    generator: OptimizerFactory
    critic: OptimizerFactory
    n_critic: CriticSteps
    generator_noise: Literal["fresh", "last"]
    ema_decay: float

    def __post_init__(self) -> None:
        check_decay(self.ema_decay)
        check_factory("generator", self.generator)
        check_factory("critic", self.critic)


class Adversarial(GenerativeModel):
    """GANs and Wasserstein GANs; what differs between them is injected.

    Args:
        generator: (B, dim) → (B, …).
        critic: (B, …) → (B,), a score or a logit.
        latent: what the generator's noise is drawn from.
        objective: the two losses.
        optimisation: optimizers, critic steps, moving average.
        seed: the run's seed.
    """

    def __init__(
        self,
        *,
        generator: nn.Module,
        critic: nn.Module,
        latent: Latent,
        objective: AdversarialObjective,
        optimisation: AdversarialOptimisation,
        seed: int,
    ) -> None:
        super().__init__(seed=seed)
        self.generator = generator
        self.critic = critic
        self.ema = EMA(generator, decay=optimisation.ema_decay)
        self.latent = latent
        self.objective = objective
        self.optimisation = optimisation

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """The generator's and the critic's."""
        generator = self.optimisation.generator(self.generator.parameters())
        return [generator, self.optimisation.critic(self.critic.parameters())]

    def training_step(self, block: Block, batch_idx: int) -> None:
        """Train the critic on each batch of the block (n_critic, B, …), then the generator once."""
        batches = block.samples
        generator_optimizer, critic_optimizer = self._optimizers()
        rng = self.step_rng()
        reuse = self.optimisation.generator_noise == "last"
        for place, real in enumerate(batches):
            with torch.set_grad_enabled(reuse and place == len(batches) - 1):
                fake = self.generator(self.latent(len(real), rng))
            critic_terms = self._critic_step(real, fake.detach(), critic_optimizer, rng)

        self.toggle_optimizer(generator_optimizer)  # no gradients for the critic's weights
        if not reuse:
            fake = self.generator(self.latent(batches.shape[1], rng))
        generator_loss = self.objective.generator_loss(self.score, real, fake)
        generator_optimizer.zero_grad()
        self.manual_backward(generator_loss)
        generator_optimizer.step()
        self.untoggle_optimizer(generator_optimizer)

        self.average_buffers()
        self.ema.update_parameters(self.generator)
        self.count_step(critic_steps=len(batches), images=batches.shape[0] * batches.shape[1])
        self.values = {f"train/critic_{name}": term.detach() for name, term in critic_terms.items()}
        self.values["train/critic_loss"] = torch.stack(list(self.values.values())).sum()
        self.values["train/generator_loss"] = generator_loss.detach()

    def score(self, samples: Tensor) -> Tensor:
        """The critic's numbers, (B, …) → (B,), in float32 whatever the critic computes in: losses need the digits."""
        return self.critic(samples).float()

    def _critic_step(
        self, real: Tensor, fake: Tensor, optimizer: torch.optim.Optimizer, rng: keyed.Rng
    ) -> dict[str, Tensor]:
        terms = self.objective.critic_terms(self.score, real, fake, rng=rng)
        optimizer.zero_grad()
        self.manual_backward(torch.stack(list(terms.values())).sum())
        optimizer.step()
        self.objective.after_critic_step(self.critic)
        return terms

    def _optimizers(self) -> tuple[LightningOptimizer, torch.optim.Optimizer]:
        """The generator's wrapped by Lightning, so that `global_step` counts generator steps and nothing else."""
        wrapped, raw = self.optimizers(), self.optimizers(use_pl_optimizer=False)
        assert isinstance(wrapped, list) and isinstance(raw, list)
        return wrapped[0], raw[1]

    def batches_per_step(self, step: int) -> int:
        """One batch per critic step."""
        return self.optimisation.n_critic(step)

    def batches_before(self, step: int) -> int:
        """All critic steps before this generator step."""
        return self.optimisation.n_critic.before(step)

    def sample_with(self, generator: nn.Module, n: int, *, rng: keyed.Rng, condition: Tensor | None = None) -> Tensor:
        """`n` samples in one evaluation of the generator; it takes no condition."""
        assert condition is None, "this generator is unconditional"
        return generator(self.latent(n, rng))

    def sampler(self) -> dict[str, Any]:
        """One pass through the generator."""
        return {"sampler": "generator", "nfe": 1}

    @property
    def second_network(self) -> tuple[str, nn.Module]:
        """The critic of a Wasserstein objective, the discriminator of any other."""
        return "critic" if self.objective.is_wasserstein else "discriminator", self.critic

    @property
    def potential(self) -> Critic | None:
        """The critic, when the objective is a Wasserstein one."""
        return self.critic if self.objective.is_wasserstein else None

    def check_shapes(self, sample_shape: tuple[int, ...]) -> None:
        """Run two samples through both networks.

        Raises:
            UserError: they do not fit each other, or the data.
        """
        rng = keyed.Rng(0, device=next(self.generator.parameters()).device)
        try:
            samples = self.sample(2, rng=rng, weights="raw")
        except RuntimeError as error:
            raise UserError(f"generator: it cannot take its noise: {str(error).splitlines()[0]}") from error
        if tuple(samples.shape) != (2, *sample_shape):
            raise UserError(
                f"generator: it makes {tuple(samples.shape[1:])} of each noise vector, the data are {sample_shape}: "
                "give it their channels and size, or take data or a model of the other's"
            )
        try:
            values = self.critic(samples)
        except RuntimeError as error:
            raise UserError(
                f"critic: it cannot take the data, which are {sample_shape} ({str(error).splitlines()[0]}): give it "
                "their channels and size, or take data or a model of the other's"
            ) from error
        if tuple(values.shape) != (2,):
            raise UserError(
                f"critic: it gives {tuple(values.shape[1:])} for each sample, expected one number (outputs: null)"
            )

    def compile_networks(self) -> None:
        """Compile the generator, and the critic unless its loss needs a double backward."""
        super().compile_networks()
        if not self.objective.double_backward:
            self.critic.compile()
