"""Checks of what a denoising model is made of: networks of noised samples, and the four parts of the loss."""

import torch
from torch import nn

from kantor.keyed import Rng
from kantor.models.networks import evaluating
from kantor.noising.path import Path
from kantor.objectives.denoising import Denoising
from kantor.testing.faults import fail, near

MIXED = "each sample by itself: in a batch norm, levels of noise would meet"
CHOICES = 33


def check_denoiser(network: nn.Module, *, shape: tuple[int, ...], classes: int | None = None) -> None:
    """Check a network of noised samples in eval mode: its shape, that it is told the noise and the class, and that
    samples do not influence each other.

    Args:
        network: samples (B, …), what it is told of the noise, float32 (B,), and labels int64 (B,) where there are
            classes; in training and before it: a last layer of zeros tells nothing, so give it other weights.
        shape: of one sample.
        classes: how many the labels have; `classes` itself stands for none.

    Raises:
        AssertionError: it is not like that.
    """
    name = type(network).__name__
    with evaluating({"network": network}), torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        x, noise = torch.randn(4, *shape), torch.tensor([0.1, 0.4, 0.7, 0.999])
        labels = () if classes is None else (torch.tensor([0, 1, classes - 1, classes]),)
        y = network(x, noise, *labels)
        if y.shape != x.shape:
            fail(f"{name} makes {tuple(y.shape)} of {tuple(x.shape)}", "it gives as much as it takes")
        if not y.isfinite().all():
            fail(f"{name} gives numbers that are not finite", "look for logarithms and divisions near 0")
        if not y.any():
            fail(f"{name} gives nothing but 0", "give its last layer other weights than zeros for this check")
        alone = [network(x[i : i + 1], noise[i : i + 1], *(one[i : i + 1] for one in labels)) for i in range(4)]
        near(torch.cat(alone), y, f"{name} mixes samples", MIXED)
        near(
            network(x, noise, *labels),
            y,
            f"{name} gives other numbers the second time",
            "in eval mode it draws nothing",
        )
        if torch.equal(network(x, noise.flip(0), *labels), y):
            fail(
                f"{name} gives the same at every level of noise", "embed the noise it is told, and use it in each block"
            )
        if torch.equal(network(x, noise - 0.001, *labels)[3], y[3]):
            fail(f"{name} takes step 998 of 1000 for step 999", "embed the noise in float32, times 1000 or so")
        if labels and torch.equal(network(x, noise, labels[0].flip(0)), y):
            fail(f"{name} gives the same for every class", "embed the labels it is told, and use them")


def check_denoising(objective: Denoising) -> None:
    """Check path, parametrisation, weight and times of a loss against each other.

    The noise grows with the time, and `time` finds it again; target and coefficients make the sample; weights are
    finite and not negative at all times that are drawn, and there is one loss for each sample.

    Args:
        objective: any.

    Raises:
        AssertionError: it is not like that.
    """
    check_path(objective.path)
    times = objective.times.quantile((torch.arange(CHOICES, dtype=torch.float64) + 0.5) / CHOICES, objective.path)
    if not ((times >= 0) & (times <= 1)).all():
        fail(
            f"{type(objective.times).__name__} draws {float(times.min()):g} … {float(times.max()):g}", "times in [0, 1]"
        )
    levels = objective.path.at(times)
    name, weight = type(objective.weight).__name__, objective.weight(levels)
    if weight.shape != times.shape or not weight.isfinite().all() or not (weight >= 0).all():
        fail(f"{name} gives {weight.min():g} … {weight.max():g}", "one finite weight, at least 0, for each level")
    x, noise = torch.full_like(times, 0.7), torch.full_like(times, -1.3)
    skip, out, _, told = objective.parametrisation.coefficients(levels, objective.path)
    of_x, of_noise = objective.parametrisation.target(levels)
    made = skip * (levels.alpha * x + levels.sigma * noise) + out * (of_x * x + of_noise * noise)
    near(
        made, x, f"{type(objective.parametrisation).__name__}: the target does not make the sample", "skip·x_t + out·F*"
    )
    if len(told.unique()) < len(times.unique()):
        fail("the network is told the same of different levels", "noise is a function that grows with σ/α")
    losses = objective.losses(lambda given, told: torch.zeros_like(given), torch.full((8, 3), 0.7), Rng(0)).losses
    if losses.shape != (8,) or not losses.isfinite().all() or not (losses > 0).all():
        fail(f"a network of nothing loses {losses.tolist()}", "a finite number above 0 for each sample, (B,)")


def check_path(path: Path) -> None:
    """Check that noise grows, and that `time` is the inverse of `at`.

    Raises:
        AssertionError: it is not like that.
    """
    t = torch.linspace(0.001, 0.999, CHOICES, dtype=torch.float64)
    levels, name = path.at(t), type(path).__name__
    if levels.alpha.dtype != torch.float64 or levels.sigma.dtype != torch.float64:
        fail(f"{name}.at gives {levels.alpha.dtype}", "float64: products of small numbers drift in float32")
    if not (levels.ratio.diff() > 0).all():
        fail(f"{name}: σ/α does not grow with time", "time 0 is that of the data, 1 that of the noise")
    if not torch.allclose(path.time(levels), t, atol=1e-9):
        fail(f"{name}.time does not find the times of {name}.at", "it is the inverse")
