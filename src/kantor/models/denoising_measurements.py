"""What is measured of denoising beside its loss: what the network has learned at all, and where its samples lie."""

from collections.abc import Callable

import torch
from torch import Tensor

from kantor.keyed import Rng
from kantor.models.charts import Chart
from kantor.noising.denoiser import Denoiser, Predict
from kantor.noising.levels import Levels, noised
from kantor.noising.path import Path
from kantor.objectives.denoising import Denoising

OVER_NOTHING, OUTSIDE = "train/loss_over_nothing", "train/outside_share"

MARGIN = 0.1
"""Beyond [-1, 1], from which on a number counts as outside: around white and black a little is rounding."""

LOOKED_AT = 64
"""Samples, at most."""

LEARNED = Chart(
    "learned",
    "Loss over that of a network that gives 0",
    {OVER_NOTHING: "loss"},
    mark=(1.0, "nothing learned"),
    meaning="the loss over that of a network that gives 0 for everything, on the same noise",
    good="well below 1; how far down it can come, the data decide",
    suspicious="1 for long: the network has learned nothing",
)
RANGE = Chart(
    "outside",
    "Share of estimated pixels out of range",
    {OUTSIDE: "outside"},
    limits=(0, 1),
    meaning=f"the share of pixels that the denoiser puts beyond [-1, 1] by more than {MARGIN}, of pictures that hold "
    "less noise than picture",
    good="near 0",
    suspicious="above ½: most of each picture is made by clipping, where there is any, or is no picture",
)


def over_nothing(objective: Denoising, predict: Predict, x: Tensor, noise: Callable[[], Rng]) -> dict[str, Tensor]:
    """The loss of samples over that of predicting 0, a scalar.

    Args:
        objective: the loss.
        predict: the network.
        x: samples (B, …).
        noise: begins the same noise anew.
    """
    nothing = []

    def seen(x: Tensor, told: Tensor) -> Tensor:
        given = predict(x, told)
        nothing.append(torch.zeros_like(given))
        return given

    loss = objective.losses(seen, x, noise()).losses.mean()
    of_nothing = objective.losses(lambda x, told: nothing[0], x, noise()).losses.mean()
    return {OVER_NOTHING: loss / of_nothing.clamp(min=1e-30)}


def outside(denoiser: Denoiser, path: Path, x: Tensor, rng: Rng) -> dict[str, Tensor]:
    """The share of numbers of D(x_t) beyond [-1, 1] by more than `MARGIN`, where σ < α; a scalar.

    Args:
        denoiser: of pictures.
        path: its own.
        x: pictures in [-1, 1], (B, C, H, W).
        rng: for levels and noise.
    """
    u = rng.open_uniform(len(x)) / 2
    levels = path.at(path.time(Levels(1 - u, u)))
    given = denoiser(noised(x, rng.normal(*x.shape), levels), levels)
    return {OUTSIDE: (given.abs() > 1 + MARGIN).float().mean()}
