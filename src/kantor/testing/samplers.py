"""Checks of samplers."""

import torch
from torch import Tensor

from kantor import keyed
from kantor.models.base import GenerativeModel
from kantor.samplers.direct import Sampler
from kantor.testing.faults import fail, plain_json


def check_sampler(sampler: Sampler, model: GenerativeModel, *, gives: tuple[int, ...]) -> None:
    """Check a sampler with a model that draws by it: keyed, finite, of the right shape.

    Args:
        sampler: of the model's `sampler_kind`.
        model: any.
        gives: the shape of one sample.

    Raises:
        AssertionError: it is not like that.
    """
    fits = isinstance(sampler, model.sampler_kind)
    if not fits:
        fail(f"{type(model).__name__} draws by {model.sampler_kind.__name__}", f"not by {type(sampler).__name__}")
    plain_json(sampler.describe(), "describe()")

    def draw(seed: int) -> Tensor:
        return model.sample(5, rng=keyed.Rng(seed), sampler=sampler, weights="raw")

    first = draw(1)
    if tuple(first.shape) != (5, *gives) or not first.isfinite().all():
        fail(f"5 samples are {tuple(first.shape)}", f"expected finite numbers, {(5, *gives)}")
    if not torch.equal(draw(1), first):
        fail("equal keys draw other samples", "draw from rng alone")
    if torch.equal(draw(2), first):
        fail("other keys draw the same samples", "draw from rng")
