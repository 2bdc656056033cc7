"""A generative model as Lightning trains it: one training step is one step, and it keeps its own counters."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Literal

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from kantor import keyed
from kantor.errors import UserError
from kantor.models.ema import EMA
from kantor.objectives.critic import Critic

Weights = Literal["ema", "raw"]


class GenerativeModel(pl.LightningModule, ABC):
    """What data, callbacks and evaluation know of a model.

    Subclasses set `generator` and `ema`, call `count_step()` once at the end of each training step, and put the step's
    scalars into `values`.

    Args:
        seed: the run's seed; all noise is drawn from keys made of it.

    Attributes:
        steps: finished steps (for VAEs and diffusion: optimizer steps).
        critic_steps: finished critic steps.
        images_seen: real samples consumed, over all processes.
        values: the last step's scalars by log name, detached, on the device.
    """

    generator: nn.Module
    ema: EMA

    def __init__(self, *, seed: int) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.seed = seed
        self.steps = 0
        self.critic_steps = 0
        self.images_seen = 0
        self.values: dict[str, Tensor] = {}

    @abstractmethod
    def batches_per_step(self, step: int) -> int:
        """How many batches training step `step` consumes."""

    @abstractmethod
    def batches_before(self, step: int) -> int:
        """How many batches the training steps before `step` consume together."""

    @abstractmethod
    def sample_with(self, generator: nn.Module, n: int, *, rng: keyed.Rng, condition: Tensor | None = None) -> Tensor:
        """`n` samples by a given generator (the raw one or its average), in [-1, 1] or in data units for points."""

    @abstractmethod
    def sampler(self) -> dict[str, Any]:
        """What a card says of the way samples are drawn: `sampler` and `nfe`, network evaluations per sample."""

    def compile_networks(self) -> None:
        """Compile in place what may be compiled."""
        self.generator.compile()

    @property
    def potential(self) -> Critic | None:
        """A critic whose difference of means estimates W1 up to its slope; None when the model has none."""
        return None

    @abstractmethod
    def check_shapes(self, sample_shape: tuple[int, ...]) -> None:
        """Check that the networks fit each other and the data.

        Args:
            sample_shape: of one sample, without the batch.

        Raises:
            UserError: they do not.
        """

    @property
    @abstractmethod
    def second_network(self) -> tuple[str, nn.Module]:
        """The network that is not the generator, after what this model calls it: critic, discriminator, encoder."""

    def generator_with(self, weights: Weights) -> nn.Module:
        """The generator's moving average (`ema`) or the generator itself (`raw`)."""
        return {"ema": self.ema.module, "raw": self.generator}[weights]

    @torch.no_grad()
    def sample(self, n: int, *, rng: keyed.Rng, condition: Tensor | None = None, weights: Weights = "ema") -> Tensor:
        """Draw samples in eval mode.

        Args:
            n: how many.
            rng: where the noise comes from.
            condition: labels or other conditions, (n, …), for models that take them.
            weights: the generator's moving average or the generator itself.

        Returns:
            (n, …), in [-1, 1], or in data units for point sets.
        """
        generator = self.generator_with(weights)
        was_training = generator.training
        generator.eval()
        try:
            return self.sample_with(generator, n, rng=rng, condition=condition)
        finally:
            generator.train(was_training)

    def step_rng(self) -> keyed.Rng:
        """The noise of the current training step; torch's own generator is keyed too, for layers such as dropout."""
        k, rank, world = self.steps, self.trainer.global_rank, self.trainer.world_size
        torch.manual_seed(keyed.seed(self.seed, "train", k, rank))
        return keyed.Rng(keyed.seed(self.seed, "train", k), rank=rank, world=world, device=self.device)

    def count_step(self, *, critic_steps: int, images: int) -> None:
        """Count one step, the critic steps in it, and the real samples this process consumed."""
        self.steps += 1
        self.critic_steps += critic_steps
        self.images_seen += images * self.trainer.world_size

    def average_buffers(self) -> None:
        """Give all processes the mean of their floating-point buffers (batch-norm statistics of their own slices)."""
        if self.trainer.world_size == 1:
            return
        networks = (self.generator, self.second_network[1])
        buffers = [b for network in networks for b in network.buffers() if b.is_floating_point()]
        if buffers:
            flat = self.trainer.strategy.reduce(torch.cat([b.flatten() for b in buffers]), reduce_op="mean")
            for buffer, mean in zip(buffers, flat.split([b.numel() for b in buffers]), strict=True):
                buffer.copy_(mean.view_as(buffer))

    def counters(self) -> dict[str, int]:
        """images_seen, steps, critic_steps."""
        return {
            "images_seen": self.images_seen,
            "steps": self.steps,
            "critic_steps": self.critic_steps,
        }

    def parameter_counts(self) -> dict[str, int]:
        """Parameters that sampling needs (`generator`) and those of the second network under its own name."""
        name, network = self.second_network
        return {"generator": count_parameters(self.generator), name: count_parameters(network)}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the counters, which are all that a resumed run needs to know where its streams stand."""
        checkpoint["kantor_counters"] = self.counters()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take the counters back."""
        counters = checkpoint["kantor_counters"]
        self.images_seen = counters["images_seen"]
        self.steps = counters["steps"]
        self.critic_steps = counters["critic_steps"]


def count_parameters(network: nn.Module) -> int:
    """How many numbers the network learns."""
    return sum(parameter.numel() for parameter in network.parameters())


def check_factory(name: str, make: "OptimizerFactory") -> None:
    """Make an optimizer for one number, to see whether its settings are accepted.

    Raises:
        UserError: they are not; `name` says whose they are.
    """
    try:
        optimizer = make([nn.Parameter(torch.zeros(1, device="cpu"))])
    except (ValueError, TypeError, RuntimeError, IndexError) as error:
        raise UserError(f"{name}: {str(error).splitlines()[0]}") from error
    assert isinstance(optimizer, torch.optim.Optimizer), f"{name}: {type(optimizer).__name__} is no optimizer"


OptimizerFactory = Callable[[Any], torch.optim.Optimizer]
"""Makes an optimizer from parameters; a `_partial_` of a torch.optim class in YAML."""
