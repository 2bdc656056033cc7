"""The end of training that the theory of GANs promises: the discriminator can no longer tell what is real."""

from typing import Any

import pytorch_lightning as pl

from kantor.callbacks.probabilities import D_FAKE, D_REAL, probability_of
from kantor.callbacks.record import mean_over_processes
from kantor.errors import UserError, require_positive
from kantor.models.adversarial import Adversarial
from kantor.say import say


class StopAtHalf(pl.Callback):
    """Ends training when mean D(x) and mean D(G(z)) have both been near ½ at so many looks in a row.

    That is where the game of Goodfellow et al. 2014 (arXiv:1406.2661, proposition 1) ends, and it is no proof: a
    discriminator that has learned nothing says ½ too, which is why looks count only from the first on that was away
    from it. It acts after `Probabilities`, whose numbers it takes.

    Args:
        every: generator steps between looks, a multiple of that of `Probabilities`.
        tolerance: how far from ½ is near, in (0, ½).
        looks: how many in a row.
    """

    def __init__(self, *, every: int, tolerance: float, looks: int) -> None:
        require_positive(every=every, tolerance=tolerance, looks=looks)
        if tolerance >= 0.5:
            raise UserError(f"tolerance={tolerance}: expected a number in (0, 0.5), such as 0.05")
        self.every, self.tolerance, self.looks = every, tolerance, looks
        self._learned, self._near = False, 0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Check that there is a D.

        Raises:
            UserError: the model has no discriminator whose numbers are probabilities.
        """
        if not isinstance(pl_module, Adversarial) or probability_of(pl_module.objective) is None:
            raise UserError("stop=at_half: this model has no D(x) that could come to ½; take stop=none")

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """Ask for the end of training when it has come; all processes see the same means."""
        assert isinstance(pl_module, Adversarial)
        if pl_module.generator_steps % self.every:
            return
        values = mean_over_processes(trainer, pl_module)
        away = max(abs(values[name] - 0.5) for name in (D_REAL, D_FAKE))
        self._learned = self._learned or away > self.tolerance
        self._near = self._near + 1 if self._learned and away <= self.tolerance else 0
        if self._near >= self.looks:
            trainer.should_stop = True
            if trainer.is_global_zero:
                say(f"D(x) and D(G(z)) have come to ½: training ends at generator step {pl_module.generator_steps:,}")

    def state_dict(self) -> dict[str, Any]:
        """For the checkpoint."""
        return {"learned": self._learned, "near": self._near}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """From the checkpoint."""
        self._learned, self._near = state_dict["learned"], state_dict["near"]
