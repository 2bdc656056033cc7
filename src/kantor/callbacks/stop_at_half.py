"""The end of training that the theory of GANs promises: D can no longer tell what is real."""

from typing import Any, ClassVar

import pytorch_lightning as pl
import torch

from kantor.callbacks.clock import Clock
from kantor.callbacks.measurement import rng_of_step
from kantor.callbacks.record import mean_over_processes
from kantor.callbacks.untouched import untouched
from kantor.data.stream import Block
from kantor.errors import UserError, require_positive
from kantor.messages import say
from kantor.models.base import GenerativeModel
from kantor.models.protocols import HasProbabilities
from kantor.runs.shapes import Shape, count, record, truth


class StopAtHalf(pl.Callback):
    """Ends training when mean D(x) and mean D(G(z)) have both been near ½ at so many looks in a row.

    That is where the game of Goodfellow et al. 2014 (arXiv:1406.2661, proposition 1) ends, and it is no proof: D that
    has learned nothing says ½ too, which is why looks count only from the first on that was away from it. What is
    logged has no say in when a run ends.

    Args:
        model: what will be trained.
        clock: stands still while it looks.
        seed: the run's seed.
        every: steps between looks.
        tolerance: how far from ½ is near, in (0, ½).
        looks: how many in a row.

    Raises:
        UserError: the model has no probabilities, or a setting is out of range.
    """

    kept: ClassVar[Shape] = record({"learned": truth, "near": count})
    """The shape of its state in a checkpoint."""

    def __init__(
        self, *, model: GenerativeModel, clock: Clock, seed: int, every: int, tolerance: float, looks: int
    ) -> None:
        require_positive(every=every, tolerance=tolerance, looks=looks)
        if tolerance >= 0.5:
            raise UserError(f"tolerance={tolerance}: expected a number in (0, 0.5), such as 0.05")
        if not isinstance(model, HasProbabilities) or not model.has_probabilities:
            raise UserError("this model has no D(x) that could come to ½; take stop=none")
        self.clock, self.seed, self.every = clock, seed, every
        self.tolerance, self.looks = tolerance, looks
        self._learned, self._near = False, 0

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """Look, and ask for the end of training when it has come; all processes see the same means."""
        assert isinstance(pl_module, GenerativeModel) and isinstance(batch, Block)
        if pl_module.steps % self.every:
            return
        rng = rng_of_step(trainer, pl_module, self.seed)
        with self.clock.paused(), torch.no_grad(), untouched(pl_module.networks().values(), rng.layers):
            assert isinstance(pl_module, HasProbabilities)
            d_real, d_fake = pl_module.probabilities(batch, rng)
        means = mean_over_processes(trainer, {"real": d_real.mean(), "fake": d_fake.mean()})
        away = max(abs(mean - 0.5) for mean in means.values())
        self._learned = self._learned or away > self.tolerance
        self._near = self._near + 1 if self._learned and away <= self.tolerance else 0
        if self._near >= self.looks:
            trainer.should_stop = True
            say(f"D(x) and D(G(z)) have come to ½: training ends at step {pl_module.steps:,}")

    def state_dict(self) -> dict[str, Any]:
        """For the checkpoint."""
        return {"learned": self._learned, "near": self._near}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """From the checkpoint."""
        self._learned, self._near = state_dict["learned"], state_dict["near"]
