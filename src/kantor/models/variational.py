"""The variational pattern of optimisation: an encoder and a decoder, one optimizer, one loss."""

from collections.abc import Mapping

import torch
from pytorch_lightning.core.optimizer import LightningOptimizer
from torch import Tensor, nn

from kantor import keyed, user_code
from kantor.data.stream import Block
from kantor.errors import UserError
from kantor.models import gradients, variational_health
from kantor.models.base import GenerativeModel
from kantor.models.charts import Chart
from kantor.models.ema import Averaging
from kantor.models.gradients import gradient_norms
from kantor.models.health import Check
from kantor.models.latent import Normal
from kantor.models.networks import device_of, evaluating
from kantor.models.optimisation import SingleOptimisation
from kantor.models.schedules import Schedule
from kantor.objectives import contract
from kantor.objectives.elbo import Loss, VariationalObjective
from kantor.objectives.observation import Observation
from kantor.objectives.posterior import Posterior
from kantor.samplers.direct import Sampler


class VariationalModel(GenerativeModel):
    """Variational autoencoders, and the plain autoencoder beside them; what differs is the objective.

    Samples are decoded from z ~ N(0, I): of points x ~ p(x | z), of pictures the mean of p(x | z), which of binary
    pixels is their probability, as a grey value.

    Args:
        encoder: observed samples (B, …) → (B, 2·dim), means and logarithms of variances; of an autoencoder (B, dim).
        decoder: (B, dim) → (B, …), what the observation model asks for.
        latent: N(0, I).
        objective: the loss, and what is observed.
        optimisation: the optimizer.
        averaging, schedule, seed: as in `GenerativeModel`.
    """

    step_is = "one step of encoder and decoder together"
    optimisation: SingleOptimisation

    def __init__(
        self,
        *,
        encoder: nn.Module,
        decoder: nn.Module,
        latent: Normal,
        objective: VariationalObjective,
        optimisation: SingleOptimisation,
        averaging: Averaging | None,
        schedule: Schedule | None,
        seed: int,
    ) -> None:
        super().__init__(optimisation=optimisation, averaging=averaging, schedule=schedule, classes=None, seed=seed)
        self.encoder, self.decoder = encoder, decoder
        self.latent, self.objective = latent, objective
        self.make_averages()

    def networks(self) -> dict[str, nn.Module]:
        """`encoder` and `decoder`."""
        return {"encoder": self.encoder, "decoder": self.decoder}

    def sampling_networks(self) -> dict[str, nn.Module]:
        """Both: a likelihood asks the encoder too, and an averaged decoder has an averaged encoder."""
        return self.networks()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Of both."""
        return self.optimisation.optimizer([*self.encoder.parameters(), *self.decoder.parameters()])

    def training_step(self, block: Block, batch_idx: int) -> None:
        """One step on the one batch of a block (1, B, …)."""
        optimizer, parts = self.optimizers(), self.parts(block)
        assert isinstance(optimizer, LightningOptimizer)
        self.set_learning_rates(optimizer.optimizer)
        optimizer.zero_grad()
        told = []
        for part in parts:
            loss = self._loss(part.batch(0)[0], part.rng)
            whole = loss.loss.mean()
            self.manual_backward(whole / len(parts))
            told.append({"loss": whole.detach(), **{name: each.detach().mean() for name, each in loss.logged.items()}})
        for network in self.networks().values():
            self.optimisation.clip(network)
        optimizer.step()
        self.average_buffers()
        self.values = {f"train/{name}": torch.stack([each[name] for each in told]).mean() for name in told[0]}
        self.count_step(images=block.samples.shape[1])

    def _loss(self, data: Tensor, rng: keyed.Rng) -> Loss:
        x = self.observation.observed(data, rng)
        return self.objective.loss(x, self.encoder(x), self.decoder, rng, self.steps)

    @property
    def observation(self) -> Observation:
        """That of the objective."""
        return self.objective.observation

    @property
    def has_posterior(self) -> bool:
        """Not of an autoencoder."""
        return self.objective.has_posterior

    def posterior(self, networks: Mapping[str, nn.Module], x: Tensor) -> Posterior:
        """q(z | x) of observed samples."""
        return Posterior.of(networks["encoder"](x))

    def given(self, networks: Mapping[str, nn.Module], z: Tensor) -> Tensor:
        """What p(x | z) is made of."""
        given: Tensor = networks["decoder"](z)
        return given

    def code(self, networks: Mapping[str, nn.Module], x: Tensor) -> Tensor:
        """The mean of z for observed samples, (n, dim)."""
        encoded: Tensor = networks["encoder"](x)
        return encoded[:, : self.latent.dim]

    def draw(
        self, networks: Mapping[str, nn.Module], n: int, *, rng: keyed.Rng, sampler: Sampler, labels: Tensor | None
    ) -> Tensor:
        """`n` samples, of noise."""
        given = self.given(networks, self.latent(n, rng))
        return self.observation.mean(given) if given.dim() > 2 else self.observation.drawn(given, rng)

    @torch.no_grad()
    def decode(self, z: Tensor, *, weights: str, condition: Tensor | None = None) -> Tensor:
        """The means of latent vectors (n, dim), in eval mode."""
        networks = self.weights(weights)
        with evaluating(networks):
            return self.observation.mean(self.given(networks, z))

    def check_losses(self, block: Block) -> None:
        """One loss for each sample, and it teaches both networks."""
        said = contract.named(self.objective.loss)
        for name, network in self.networks().items():
            losses = self._loss(block.samples[0], keyed.Rng(0, device=self.device)).loss
            if losses.shape != block.samples.shape[1:2]:
                raise UserError(
                    f"{said} gives losses of shape {tuple(losses.shape)}, expected one for each sample, (B,)"
                )
            contract.check_teaches(contract.check_scalar(losses.mean(), said), network, said, who=name)

    def measurements(self, block: Block, rng: keyed.Rng) -> dict[str, Tensor]:
        """Also the norms of the gradients, and how much of the latent space is used."""
        values = super().measurements(block, rng) | gradient_norms(self.networks())
        if self.has_posterior:
            with evaluating(self.networks()):
                x = self.observation.observed(block.samples[0], rng)
                values |= variational_health.use(self.posterior(self.networks(), x))
        return values

    def checks(self) -> Mapping[str, Check]:
        """Also those of `kantor.models.variational_health`."""
        if not self.has_posterior:
            return super().checks()
        return {**super().checks(), **variational_health.checks(self.latent.dim, self.objective.remedies)}

    def charts(self) -> tuple[Chart, ...]:
        """Of what is logged and measured."""
        found = (variational_health.KL, variational_health.UNITS) if self.has_posterior else ()
        bound = (variational_health.BOUND,) if self.has_posterior and self.observation.observes is not None else ()
        return (*super().charts(), *bound, *found, gradients.chart(self.networks()))

    def batches_per_step(self, step: int) -> int:
        """1."""
        return 1

    def batches_before(self, step: int) -> int:
        """One for each step."""
        return step

    def check_objective(self, sample_shape: tuple[int, ...]) -> None:
        """Check that the data are so observed.

        Raises:
            UserError: they are not.
        """
        refusal = self.observation.refusal(sample_shape)
        if refusal is not None:
            raise UserError(f"observation: {refusal}")

    def check_shapes(self, sample_shape: tuple[int, ...]) -> None:
        """Run two samples through both networks.

        Raises:
            UserError: they do not fit each other, the data, or what is observed of them.
        """
        device, dim = device_of(self.decoder), self.latent.dim
        numbers = 2 * dim if self.has_posterior else dim
        of_data = (self.observation.outputs(sample_shape[0]), *sample_shape[1:])
        tried = {"encoder": (sample_shape, (numbers,)), "decoder": ((dim,), of_data)}
        for name, (taken, expected) in tried.items():
            _check_shape(name, self.networks()[name], torch.zeros(2, *taken, device=device), expected)


def _check_shape(name: str, network: nn.Module, given: Tensor, expected: tuple[int, ...]) -> None:
    taken = tuple(given.shape[1:])
    try:
        made = network(given)
    except UserError as error:
        raise UserError(f"{name}: {error}") from error
    except Exception as error:
        raise UserError(f"{name}: it cannot take {taken}: {user_code.reason(error)}") from error
    if not isinstance(made, Tensor):
        raise UserError(f"{name}: of {taken} it makes a {type(made).__name__}, expected one tensor")
    if made.shape[1:] != expected:
        raise UserError(f"{name}: of {taken} it makes {tuple(made.shape[1:])}, expected {expected}")
