"""Which measurements a model gets: those that its objective gives a meaning to."""

import pytorch_lightning as pl
from torch import nn

from kantor.callbacks.clock import Clock
from kantor.callbacks.findings import Setting
from kantor.callbacks.gradients import Gradients
from kantor.callbacks.health import Health
from kantor.callbacks.probabilities import Probabilities, probability_of
from kantor.callbacks.spread import Spread
from kantor.models.adversarial import Adversarial
from kantor.models.base import GenerativeModel
from kantor.objectives.adversarial import Minimax, WassersteinClipping, WassersteinGradientPenalty
from kantor.runs.directory import RunDirectory


def watch(model: GenerativeModel, *, directory: RunDirectory, clock: Clock, seed: int, every: int) -> list[pl.Callback]:
    """The measurements of a model and the health checks on them, in the order in which they act; before `Record`.

    Args:
        model: what will be trained; only adversarial models are measured.
        directory: whose health.json is written.
        clock: stands still meanwhile.
        seed: the run's seed.
        every: steps between measurements, a multiple of the record's.
    """
    if not isinstance(model, Adversarial):
        return []
    has_probabilities = probability_of(model.objective) is not None
    return [
        Gradients(clock=clock, seed=seed, every=every),
        Spread(clock=clock, seed=seed, every=every),
        *([Probabilities(clock=clock, seed=seed, every=every)] if has_probabilities else []),
        Health(directory, setting=setting_of(model), every=every),
    ]


def setting_of(model: Adversarial) -> Setting:
    """What the health checks have to know of a model."""
    objective = model.objective
    return Setting(
        penalty_weight=objective.penalty_weight if isinstance(objective, WassersteinGradientPenalty) else None,
        clipped=isinstance(objective, WassersteinClipping),
        normalised=any(isinstance(layer, nn.modules.batchnorm._BatchNorm) for layer in model.critic.modules()),
        saturating=isinstance(objective, Minimax),
    )
