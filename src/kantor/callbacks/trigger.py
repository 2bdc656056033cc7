"""When callbacks act: on steps, never on Lightning's batches."""

import pytorch_lightning as pl

from kantor.models.base import GenerativeModel


def due(trainer: pl.Trainer, model: GenerativeModel, every: int) -> bool:
    """Whether the step just finished is a multiple of `every`, or the last: of the budget, or because a
    callback before the one that asks has ended training."""
    return model.steps % every == 0 or model.steps == trainer.max_steps or trainer.should_stop
