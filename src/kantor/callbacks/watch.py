"""How a model is watched while it trains: what it measures of itself, and its health checks on that."""

import pytorch_lightning as pl

from kantor.callbacks.clock import Clock
from kantor.callbacks.health import Health
from kantor.callbacks.measurement import Measurement
from kantor.models.base import GenerativeModel
from kantor.runs.directory import RunDirectory


def watch(model: GenerativeModel, *, directory: RunDirectory, clock: Clock, seed: int, every: int) -> list[pl.Callback]:
    """The measurements of a model and the health checks on them, in the order in which they act; before `Record`.

    Args:
        model: what will be trained.
        directory: whose health.json is written.
        clock: stands still meanwhile.
        seed: the run's seed.
        every: steps between measurements, a multiple of the record's.
    """
    return [
        Measurement(clock=clock, seed=seed, every=every),
        Health(directory, checks=model.checks(), every=every),
    ]
