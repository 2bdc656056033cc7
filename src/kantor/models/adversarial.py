"""The adversarial pattern of optimisation: some critic steps, then one generator step; one loop for every objective."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch
from pytorch_lightning.core.optimizer import LightningOptimizer
from torch import Tensor, nn

from kantor import keyed
from kantor.data.stream import Block
from kantor.errors import UserError
from kantor.models import adversarial_checks, adversarial_findings, adversarial_measurements
from kantor.models.adversarial_measurements import of_potential, of_probabilities
from kantor.models.base import GenerativeModel, Limits
from kantor.models.charts import Chart
from kantor.models.critic_steps import CriticSteps
from kantor.models.ema import Averaging
from kantor.models.gradients import gradient_norms
from kantor.models.health import Check
from kantor.models.latent import Latent
from kantor.models.networks import device_of, evaluating
from kantor.models.optimisation import Optimisation, OptimizerFactory, check_factory
from kantor.models.part import Part
from kantor.models.schedules import Schedule
from kantor.models.spread import CHART, spread
from kantor.objectives.adversarial import AdversarialObjective
from kantor.objectives.critic import Critic
from kantor.objectives.distance_estimate import DistanceEstimate


@dataclass(frozen=True, kw_only=True)
class AdversarialOptimisation(Optimisation):
    """Who is stepped how.

    Attributes:
        generator: makes the generator's optimizer.
        critic: makes the critic's optimizer.
        n_critic: critic steps before each generator step.
        generator_noise: whether the generator is trained on `fresh` noise (Goodfellow et al. 2014, algorithm 1), or on
            that of the `last` critic step, which saves one pass through it (as DCGAN code usually does).
    """

    generator: OptimizerFactory
    critic: OptimizerFactory
    n_critic: CriticSteps
    generator_noise: Literal["fresh", "last"]

    def __post_init__(self) -> None:
        super().__post_init__()
        check_factory("generator", self.generator)
        check_factory("critic", self.critic)
        if self.accumulate > 1 and self.generator_noise == "last":
            raise UserError(
                f"accumulate={self.accumulate}: with generator_noise=last the samples of all parts would have to be "
                "kept for the generator's step; take optimisation.generator_noise=fresh"
            )


class Adversarial(GenerativeModel):
    """GANs and Wasserstein GANs; what differs between them is injected.

    Args:
        generator: (B, dim) → (B, …); of a conditional model (B, dim) and labels int64 (B,) → (B, …).
        critic: (B, …) → (B,), a score or a logit; of a conditional model of samples and labels.
        latent: what the generator's noise is drawn from.
        objective: the two losses.
        optimisation: optimizers and critic steps.
        averaging, schedule, classes, seed: as in `GenerativeModel`.
    """

    step_is = "one generator step, after those of its critic"
    optimisation: AdversarialOptimisation

    def __init__(
        self,
        *,
        generator: nn.Module,
        critic: nn.Module,
        latent: Latent,
        objective: AdversarialObjective,
        optimisation: AdversarialOptimisation,
        averaging: Averaging | None,
        schedule: Schedule | None,
        classes: int | None,
        seed: int,
    ) -> None:
        super().__init__(optimisation=optimisation, averaging=averaging, schedule=schedule, classes=classes, seed=seed)
        self.generator = generator
        self.critic = critic
        self.latent = latent
        self.objective = objective
        self.critic_steps = 0
        self.make_averages()

    def networks(self) -> dict[str, nn.Module]:
        """`generator`, and `critic` of a Wasserstein objective or `discriminator` of any other."""
        return {"generator": self.generator, self.critic_name: self.critic}

    def sampling_networks(self) -> dict[str, nn.Module]:
        """`generator`."""
        return {"generator": self.generator}

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """The generator's and the critic's."""
        generator = self.optimisation.generator(self.generator.parameters())
        return [generator, self.optimisation.critic(self.critic.parameters())]

    def training_step(self, block: Block, batch_idx: int) -> None:
        """Train the critic on each batch of the block (n_critic, B, …), then the generator once."""
        generator_optimizer, critic_optimizer = self._optimizers()
        self.set_learning_rates(generator_optimizer.optimizer, critic_optimizer)
        parts, count = self.parts(block), len(block.samples)
        for place in range(count):
            keep = self.optimisation.generator_noise == "last" and place == count - 1
            fakes, critic_terms = self._critic_step(parts, place, critic_optimizer, keep=keep)

        self.toggle_optimizer(generator_optimizer)  # no gradients for the critic's weights
        generator_loss = self._generator_step(parts, fakes, generator_optimizer)
        self.untoggle_optimizer(generator_optimizer)

        self.average_buffers()
        self.critic_steps += count
        self.values = {f"train/critic_{name}": term for name, term in critic_terms.items()}
        self.values["train/critic_loss"] = torch.stack(list(self.values.values())).sum()
        self.values["train/generator_loss"] = generator_loss
        self.count_step(images=count * block.samples.shape[1])

    def _critic_step(
        self, parts: list[Part], place: int, optimizer: torch.optim.Optimizer, *, keep: bool
    ) -> tuple[list[Tensor], dict[str, Tensor]]:
        """One step of the critic; the samples of each part with their graph, if the generator is to be trained on them,
        and the terms of the loss, detached."""
        optimizer.zero_grad()
        fakes, terms = [], []
        for part in parts:
            real, labels = part.batch(place)
            with torch.set_grad_enabled(keep):
                fake = self._generated(part.rng, len(real), labels)
            found = self.objective.critic_terms(self._critic_of(labels), real, fake.detach(), rng=part.rng)
            self.manual_backward(torch.stack(list(found.values())).sum() / len(parts))
            terms.append({name: term.detach() for name, term in found.items()})
            if keep:
                fakes.append(fake)
        self.optimisation.clip(self.critic)
        optimizer.step()
        self.objective.after_critic_step(self.critic)
        return fakes, {name: torch.stack([each[name] for each in terms]).mean() for name in terms[0]}

    def _generator_step(self, parts: list[Part], fakes: list[Tensor], optimizer: LightningOptimizer) -> Tensor:
        """One step of the generator against the last real batch; the loss, detached."""
        optimizer.zero_grad()
        losses = []
        for index, part in enumerate(parts):
            real, labels = part.batch(-1)
            fake = fakes[index] if fakes else self._generated(part.rng, len(real), labels)
            loss = self.objective.generator_loss(self._critic_of(labels), real, fake)
            self.manual_backward(loss / len(parts))
            losses.append(loss.detach())
        self.optimisation.clip(self.generator)
        optimizer.step()
        return torch.stack(losses).mean()

    def _generated(self, rng: keyed.Rng, n: int, labels: Tensor | None) -> Tensor:
        return self.generator(self.latent(n, rng), *given(labels))

    def _last_batch(self, block: Block) -> tuple[Tensor, Tensor | None]:
        """As much of the last batch as goes through the networks in one pass; labels of a conditional model."""
        n = block.samples.shape[1] // self.optimisation.accumulate
        labels = block.labels if self.classes is not None else None
        return block.samples[-1, :n], None if labels is None else labels[-1, :n]

    def _critic_of(self, labels: Tensor | None) -> Critic:
        return self.score if labels is None else partial(self.score, labels=labels)

    def score(self, samples: Tensor, labels: Tensor | None = None) -> Tensor:
        """The critic's numbers, (B, …) → (B,), in float32 whatever the critic computes in: losses need the digits.

        Of batches put together, the labels are those of each.
        """
        of_each = None if labels is None else labels.repeat(len(samples) // len(labels))
        values = self.critic(samples, *given(of_each))
        return values if values.dtype == torch.float64 else values.float()

    def _optimizers(self) -> tuple[LightningOptimizer, torch.optim.Optimizer]:
        """The generator's wrapped by Lightning, so that `global_step` counts generator steps and nothing else."""
        wrapped, raw = self.optimizers(), self.optimizers(use_pl_optimizer=False)
        assert isinstance(wrapped, list) and isinstance(raw, list)
        return wrapped[0], raw[1]

    def batches_per_step(self, step: int) -> int:
        """One batch per critic step."""
        return self.optimisation.n_critic(step)

    def batches_before(self, step: int) -> int:
        """All critic steps before this step."""
        return self.optimisation.n_critic.before(step)

    def counters(self) -> dict[str, int]:
        """images_seen, steps, critic_steps."""
        return {**super().counters(), "critic_steps": self.critic_steps}

    def draw(
        self, networks: Mapping[str, nn.Module], n: int, *, rng: keyed.Rng, sampler: Any, labels: Tensor | None
    ) -> Tensor:
        """`n` samples in one pass through the generator."""
        return networks["generator"](self.latent(n, rng), *given(labels))

    @torch.no_grad()
    def decode(self, z: Tensor, *, weights: str, condition: Tensor | None = None) -> Tensor:
        """What the generator makes of noise vectors (n, dim), (n, …)."""
        networks = self.weights(weights)
        with evaluating(networks):
            return networks["generator"](z, *given(condition))

    @property
    def critic_name(self) -> str:
        """`critic` where the objective gives its numbers the meaning of a potential, else `discriminator`."""
        return "critic" if self.objective.is_wasserstein else "discriminator"

    @property
    def surface_name(self) -> str | None:
        """What the critic is called; None of a conditional model, whose critic has a surface for each class."""
        return self.critic_name if self.classes is None else None

    @property
    def surface_has_zero(self) -> bool:
        """Whether the objective gives a zero of the critic a meaning."""
        return self.objective.has_zero

    @torch.no_grad()
    def surface(self, samples: Tensor) -> Tensor:
        """The critic's numbers, (n, …) → (n,), in eval mode."""
        assert self.classes is None, "a conditional critic has no one surface"
        with evaluating({"critic": self.critic}):
            return self.critic(samples)

    @property
    def potential(self) -> nn.Module | None:
        """The critic, when the objective is a Wasserstein one and it is not told classes: its means over samples of
        all classes bound a distance of theirs together with their labels."""
        return self.critic if self.objective.is_wasserstein and self.classes is None else None

    @property
    def has_probabilities(self) -> bool:
        """Whether the objective makes probabilities of the discriminator's numbers."""
        return self.objective.probability(torch.zeros(1)) is not None

    @torch.no_grad()
    def probabilities(self, block: Block, rng: keyed.Rng) -> tuple[Tensor, Tensor]:
        """D(x) of the block's last batch and D(G(z)) of as many samples, each (B,), both networks as in training."""
        real, labels = self._last_batch(block)
        fake = self._generated(rng, len(real), labels)
        d_real, d_fake = (self.objective.probability(self.score(samples, labels)) for samples in (real, fake))
        assert d_real is not None and d_fake is not None, "the discriminator has no probabilities"
        return d_real, d_fake

    def distance_estimate(self) -> DistanceEstimate | None:
        """By the critic's loss of the last step."""
        return self.objective.distance_estimate(float(self.values["train/critic_loss"])) if self.values else None

    @property
    def limits(self) -> Limits:
        """Two optimizers share no loss scaler; a double backward cannot be compiled."""
        penalised = "torch.compile cannot differentiate a gradient penalty" if self.objective.double_backward else None
        return Limits(
            precisions={"16-mixed": "several optimizers share no loss scaler"},
            compile=penalised,
            in_turns=True,
        )

    def check_losses(self, block: Block) -> None:
        """Both losses are scalars, and each teaches its network."""
        rng, labels = keyed.Rng(0, device=self.device), None
        if self.classes is not None and block.labels is not None:
            labels = block.labels[-1]
        real = block.samples[-1]
        fake = self._generated(rng, len(real), labels)
        adversarial_checks.check_losses(self.objective, self._critic_of(labels), self.networks(), real, fake, rng)

    def check_networks(self) -> None:
        """Also the critic against its objective."""
        super().check_networks()
        try:
            self.objective.check_critic(self.critic)
        except UserError as error:
            raise UserError(f"objective: {error}") from error

    def check_shapes(self, sample_shape: tuple[int, ...]) -> None:
        """Run two samples through both networks.

        Raises:
            UserError: they do not fit each other, or the data.
        """
        device, labels, told = device_of(self.generator), None, ""
        if self.classes is not None:
            labels = torch.tensor([0, self.classes - 1], device=device)
            told = f" and labels 0 … {self.classes - 1}"
        samples = adversarial_checks.generated(
            lambda: self._generated(keyed.Rng(0, device=device), 2, labels), sample_shape, told
        )
        values = adversarial_checks.criticised(lambda: self.critic(samples, *given(labels)), sample_shape, told)
        adversarial_checks.look_for_squashing(values, self.objective, self.critic_name)

    def measurements(self, block: Block, rng: keyed.Rng) -> dict[str, Tensor]:
        """Norms of the gradients that the step left, how spread samples are, and what the objective gives a meaning.

        Samples are drawn with the same noise each time, by the generator itself: its average forgets slowly. That comes
        first: in training mode, as their losses see them, networks change their statistics.
        """
        fixed = keyed.Rng(keyed.seed(self.seed, "spread"), device=self.device)

        def draw(n: int) -> Tensor:
            labels = self._labels(n, fixed, None)
            return self.decode(self.latent(n, fixed), weights="raw", condition=labels)

        spreads = spread(block.samples.flatten(0, 1), draw)
        values = super().measurements(block, rng) | gradient_norms(self.networks())
        if self.objective.is_wasserstein:
            real, labels = self._last_batch(block)
            fake = self._generated(rng, len(real), labels)
            values |= of_potential(self.objective, self.critic, self._critic_of(labels), real, fake, rng)
        if self.has_probabilities:
            values |= of_probabilities(*self.probabilities(block, rng))
        return values | spreads

    def checks(self) -> Mapping[str, Check]:
        """Also those of `kantor.models.adversarial_findings`."""
        setting = adversarial_findings.Setting.of(self.objective, self.critic)
        return {**super().checks(), **adversarial_findings.checks(setting)}

    def words(self) -> Mapping[str, str]:
        """One name for the network that judges, whatever its logs are called under every objective."""
        return {} if self.critic_name == "critic" else {"critic": self.critic_name}

    def charts(self) -> tuple[Chart, ...]:
        """Of what is measured."""
        has = self.has_probabilities
        measured = adversarial_measurements.charts(self.objective, self.networks(), has_probabilities=has)
        return (*super().charts(), *measured, CHART)


def given(labels: Tensor | None) -> tuple[Tensor, ...]:
    """The further arguments of a network: labels for a conditional one, none for any other."""
    return () if labels is None else (labels,)
