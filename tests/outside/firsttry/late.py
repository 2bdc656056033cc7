"""What a run asks late, and what is wrong with it."""

import torch

from firsttry.watching import StopAfter
from kantor.evaluation.likelihood import Likelihood


class Uneven(Likelihood):
    name = "uneven"

    def describe(self, dimensions):
        return {"by": "guessing"}

    def refusal(self, model):
        return None

    def nats(self, model, x, labels, *, weights, rng, as_bytes):
        return torch.zeros(len(x), dtype=torch.float64)


class Missing(Uneven):
    name = "missing"

    def nats(self, model, x, labels, *, weights, rng, as_bytes):
        return model.log_prob(x)


class Misspelled(StopAfter):
    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        trainer.should_stop = pl_module.step >= self.steps
