"""Stopping before more harm is done."""

import pytorch_lightning as pl
import torch

from kantor.errors import NonFiniteError
from kantor.models.base import GenerativeModel


class StopOnNonFinite(pl.Callback):
    """Stops the run at the first step with a NaN or infinity in its losses, before that step reaches a checkpoint."""

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """Look at the step's values.

        Raises:
            NonFiniteError: one is not finite; it and the step are named.
        """
        assert isinstance(pl_module, GenerativeModel)
        values = pl_module.values
        if bool(torch.stack(list(values.values())).isfinite().all()):
            return
        wrong = next(name for name, value in values.items() if not bool(value.isfinite()))
        raise NonFiniteError(
            f"{wrong} is {float(values[wrong])} at generator step {pl_module.generator_steps}: training diverged; "
            "the last checkpoint is from before. Try a lower learning rate or a larger penalty"
        )
