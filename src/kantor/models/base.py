"""A generative model as Lightning trains it: what data, callbacks and evaluation know of every family."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from kantor import global_generators, keyed
from kantor.data.stream import Block
from kantor.errors import UserError
from kantor.models import average_health
from kantor.models.charts import Chart
from kantor.models.ema import Averages, Averaging
from kantor.models.health import Check
from kantor.models.networks import average_buffers, evaluating, parameter_counts
from kantor.models.optimisation import Optimisation
from kantor.models.part import Part, parts
from kantor.models.schedules import LEARNING_RATE, LEARNING_RATES, Schedule
from kantor.models.weights import Weights
from kantor.samplers.direct import Direct, Sampler


@dataclass(frozen=True)
class Limits:
    """What a model cannot do; the reasons end the sentence that names the setting.

    Attributes:
        precisions: why not, by precision.
        compile: why its networks cannot be compiled; None where they can.
        in_turns: whether networks are trained one after the other, each backward pass leaving some without a gradient.
    """

    precisions: Mapping[str, str] = field(default_factory=dict)
    compile: str | None = None
    in_turns: bool = False


class GenerativeModel(pl.LightningModule, ABC):
    """One training step consumes one block of the data, and steps each optimizer as often as the family says.

    Subclasses call `make_averages()` once their networks are there, `count_step()` at the end of each training step,
    and put the step's scalars into `values`.

    Args:
        optimisation: how gradients are bounded and accumulated.
        averaging: which moving averages of the weights are kept; None for none.
        schedule: of the learning rates; None keeps them constant.
        classes: of the labels that the networks take; None for an unconditional model.
        seed: the run's seed; all noise is drawn from keys made of it.

    Attributes:
        steps: finished training steps.
        images_seen: real samples consumed, over all processes.
        values: the last step's scalars by log name, detached, on the device.
        averages: of the weights; None where none are kept.
        weights: raw and averaged, by name.
    """

    step_is: ClassVar[str]
    """What one training step is, in words."""

    sampler_kind: ClassVar[type] = Direct
    """The samplers that the family draws by."""

    averages: Averages | None
    weights: Weights

    def __init__(
        self,
        *,
        optimisation: Optimisation,
        averaging: Averaging | None,
        schedule: Schedule | None,
        classes: int | None,
        seed: int,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.optimisation, self.averaging, self.schedule = optimisation, averaging, schedule
        self.classes = classes
        self.seed = seed
        self.steps = 0
        self.images_seen = 0
        self.values: dict[str, Tensor] = {}
        if classes is not None:
            if classes < 2:
                raise UserError(f"classes={classes}: expected at least 2, or null for an unconditional model")
            self.register_buffer("label_shares", torch.full((classes,), 1 / classes))

    @abstractmethod
    def networks(self) -> dict[str, nn.Module]:
        """All networks, under the names that this model calls them by."""

    @abstractmethod
    def sampling_networks(self) -> dict[str, nn.Module]:
        """Those that samples and scores are made with, which averages follow."""

    @abstractmethod
    def draw(
        self, networks: Mapping[str, nn.Module], n: int, *, rng: keyed.Rng, sampler: Any, labels: Tensor | None
    ) -> Tensor:
        """`n` samples by given networks (the raw ones or an average), in [-1, 1] or in data units for points.

        Args:
            networks: by their names in `sampling_networks`.
            n: how many.
            rng: where the noise comes from.
            sampler: of the model's `sampler_kind`.
            labels: int64 (n,), of a conditional model.
        """

    @abstractmethod
    def batches_per_step(self, step: int) -> int:
        """How many batches training step `step` consumes."""

    @abstractmethod
    def batches_before(self, step: int) -> int:
        """How many batches the training steps before `step` consume together."""

    @abstractmethod
    def check_shapes(self, sample_shape: tuple[int, ...]) -> None:
        """Check that the networks fit each other and the data.

        Args:
            sample_shape: of one sample, without the batch.

        Raises:
            UserError: they do not.
        """

    def check_objective(self, sample_shape: tuple[int, ...]) -> None:
        """Check that the objective is of such data; default: of any.

        Args:
            sample_shape: of one sample, without the batch.

        Raises:
            UserError: it is not.
        """

    def check_sampler(self, sampler: Any) -> None:
        """Check that the model can be drawn from by a sampler of its kind; default: by any.

        Raises:
            UserError: it cannot.
        """

    @property
    def limits(self) -> Limits:
        """What the model cannot do."""
        return Limits()

    def check_batch(self, size: int) -> None:
        """Check that a step can be made of batches of so many samples, over all processes; default: of any.

        Raises:
            UserError: it cannot.
        """

    def check_losses(self, block: Block) -> None:
        """Check what a block makes of the objective, on the model's device; for models with code that nobody has tried.

        Args:
            block: a few samples of each batch.

        Raises:
            UserError: a loss is no scalar with a gradient.
        """

    def check_networks(self) -> None:
        """Check what the networks are made of against objective and optimisation.

        Raises:
            UserError: they do not go together.
        """
        self.optimisation.check_networks(self.networks())

    def measurements(self, block: Block, rng: keyed.Rng) -> dict[str, Tensor]:
        """What is measured now and then beside the losses: scalars on the device by log name. A family adds its own to
        what is measured of the averages.

        Args:
            block: of the step just finished.
            rng: noise for this step alone.
        """
        if self.averages is None:
            return {}
        return average_health.measure(self.averages, self.sampling_networks())

    def checks(self) -> Mapping[str, Check]:
        """Ailments by name: each looks at what was measured, and says what is wrong and what to try. A family adds its
        own to those of the averages."""
        return {} if self.averaging is None else average_health.checks(self.averaging)

    def charts(self) -> tuple[Chart, ...]:
        """How what is logged beside the losses is drawn; a family adds its own."""
        of_averages = () if self.averaging is None else (average_health.chart(self.averaging),)
        return (*(() if self.schedule is None else (LEARNING_RATES,)), *of_averages)

    def words(self) -> Mapping[str, str]:
        """What people read in place of a word in the names of what is logged and counted; default none."""
        return {}

    def counters(self) -> dict[str, int]:
        """What training has consumed: images_seen, steps, and the family's own; attributes of these names."""
        return {"images_seen": self.images_seen, "steps": self.steps}

    def parameter_counts(self) -> dict[str, int]:
        """How many numbers each network learns."""
        return parameter_counts(self.networks())

    def make_averages(self) -> None:
        """Begin the moving averages; called when the networks are there."""
        networks = self.sampling_networks()
        self.averages = None if self.averaging is None else Averages(networks, self.averaging)
        self.weights = Weights(networks, self.averages)

    @torch.no_grad()
    def sample(
        self, n: int, *, rng: keyed.Rng, sampler: Sampler, weights: str, condition: Tensor | None = None
    ) -> Tensor:
        """Draw samples in eval mode; what networks draw by themselves is keyed by `rng` too.

        Args:
            n: how many.
            rng: where the noise comes from.
            sampler: how, of the model's `sampler_kind`.
            weights: one of `weights.names`.
            condition: labels, int64 (n,), of a conditional model; None draws them as the training data have them.

        Returns:
            (n, …), in [-1, 1], or in data units for point sets.
        """
        networks = self.weights(weights)
        with evaluating(networks), global_generators.keyed(rng.layers, self.device):
            return self.draw(networks, n, rng=rng, sampler=sampler, labels=self._labels(n, rng, condition))

    def _labels(self, n: int, rng: keyed.Rng, condition: Tensor | None) -> Tensor | None:
        if self.classes is None:
            assert condition is None, "the model is unconditional"
            return None
        return self.draw_labels(n, rng) if condition is None else condition.to(self.device)

    def draw_labels(self, n: int, rng: keyed.Rng) -> Tensor:
        """Labels as often as the training data have them, int64 (n,)."""
        assert self.classes is not None and isinstance(self.label_shares, Tensor)
        shares = self.label_shares.cpu().double()  # not every device has float64
        edges = shares.cumsum(0).float().to(self.label_shares.device)
        return torch.searchsorted(edges, rng.uniform(n).to(edges.device), right=True).clamp(max=self.classes - 1)

    def on_fit_start(self) -> None:
        """Take the shares of the classes from the data."""
        if self.classes is None:
            return
        shares: np.ndarray | None = self.trainer.datamodule.label_shares()  # type: ignore[attr-defined]
        assert shares is not None and len(shares) == self.classes and isinstance(self.label_shares, Tensor)
        self.label_shares.copy_(torch.from_numpy(shares))

    def parts(self, block: Block) -> list[Part]:
        """The parts in which a step's block goes through the networks.

        A conditional model gets labels, any other none.
        """
        assert self.classes is None or block.labels is not None, "a conditional model needs data with labels"
        rank = self.trainer.global_rank
        global_generators.seed(keyed.seed(self.seed, "train", self.steps, rank), self.device)
        return parts(
            block.samples,
            None if self.classes is None else block.labels,
            self.optimisation.accumulate,
            key=keyed.seed(self.seed, "train", self.steps),
            rank=rank,
            world=self.trainer.world_size,
            device=self.device,
        )

    def set_learning_rates(self, *optimizers: torch.optim.Optimizer) -> None:
        """The schedule's factor of this step on each optimizer's own rate."""
        if self.schedule is None:
            return
        factor = self.schedule(self.steps)
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = factor * group.setdefault("initial_lr", group["lr"])

    def count_step(self, *, images: int) -> None:
        """Count one step and the real samples this process consumed, and let the averages follow."""
        if self.averages is not None:
            self.averages.update()
        if self.schedule is not None:
            self.values[LEARNING_RATE] = torch.full((), self.schedule(self.steps), device=self.device)
        self.steps += 1
        self.images_seen += images * self.trainer.world_size

    def average_buffers(self) -> None:
        """Give all processes the mean of their floating-point buffers (batch-norm statistics of their own slices)."""
        if self.trainer.world_size > 1:
            average_buffers(self.networks().values(), self.trainer.strategy)

    def compile_networks(self) -> None:
        """Compile in place what may be compiled."""
        for network in self.networks().values():
            network.compile()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the counters, which are all that a resumed run needs to know where its streams stand."""
        checkpoint["kantor_counters"] = self.counters()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take the counters back.

        Raises:
            UserError: they are those of another model.
        """
        kept: dict[str, int] = checkpoint["kantor_counters"]
        if kept.keys() != self.counters().keys():
            raise UserError(f"the checkpoint counts {', '.join(kept)}, the model {', '.join(self.counters())}")
        for name, value in kept.items():
            setattr(self, name, value)
