"""The variational bound of -log p(x) that a chain of denoising steps gives, in its three kinds of terms.

-log p(x) ≤ KL(q(x_T|x) ‖ p(x_T)) + Σ E KL(q(x_s|x_t, x) ‖ p(x_s|x_t)) - E log p(x|x_1), over neighbouring levels t, s
(Ho et al. 2020, arXiv:2006.11239, equation 5; the Purdue lecture's equation 61, where the sign is ≥).
"""

import math
from collections.abc import Callable
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from kantor.noising.denoiser import Denoiser, HasVariance
from kantor.noising.levels import Levels, at_samples, noised
from kantor.noising.transition import Transition, transition


class Reverse(NamedTuple):
    """What a model says of x when it sees x_t, and of its own step to x_s.

    Attributes:
        data: D(x_t), (B, …).
        variance: of p(x_s | x_t), of the same shape, or (B, 1, …), or ().
    """

    data: Tensor
    variance: Tensor


class Reversing(Protocol):
    """p(x_s | x_t)."""

    def __call__(self, x: Tensor, t: Levels, s: Levels) -> Reverse:
        """Of x_t (B, …) at level t, one for all or one for each, towards s."""
        ...


Decoder = Callable[[Tensor, Tensor, Tensor], Tensor]
"""-log p(x | x_1) of samples x, the mean and the variance, in nats of each dimension, in x's dtype."""


class Bound(NamedTuple):
    """In nats, float64 (B,).

    Attributes:
        prior: how far the noisiest samples are from the noise that sampling begins with.
        steps: what all other steps lose.
        decoder: what the last step, to the data, costs.
    """

    prior: Tensor
    steps: Tensor
    decoder: Tensor

    @property
    def total(self) -> Tensor:
        """The bound."""
        return self.prior + self.steps + self.decoder


class Normals(Protocol):
    """Where noise comes from."""

    def normal(self, n: int, *shape: int) -> Tensor:
        """Standard normal, (n, …)."""
        ...


def variational_bound(
    reverse: Reversing, levels: Levels, start: float, x: Tensor, noise: Normals, decoder: Decoder
) -> Bound:
    """Of samples x (B, …) on the CPU, with fresh noise at each level.

    Args:
        reverse: the model.
        levels: from the noise to the data, each (T + 1,); the last is (1, 0).
        start: the standard deviation of the noise that sampling begins with.
        x: samples, as the model takes them.
        noise: where it comes from.
        decoder: of the last step.
    """
    exact, steps = x.double(), torch.zeros(len(x), dtype=torch.float64)
    count = len(levels.alpha) - 1
    for k in range(count):
        t, s = levels.each(k), levels.each(k + 1)
        x_t = noised(x, noise.normal(*x.shape).to(x), t)
        made = reverse(x_t, t, s)
        if k < count - 1:
            steps += step_term(exact, made, transition(t, s)).flatten(1).sum(1)
    last = decoder(exact, made.data, made.variance).flatten(1).sum(1)
    return Bound(prior_term(exact, levels.each(0), start), steps, last)


def step_term(x: Tensor, made: Reverse, exact: Transition) -> Tensor:
    """KL(q(x_s|x_t, x) ‖ p(x_s|x_t)) of each dimension, (B, …): two Gaussians whose means differ by that of what they
    take the sample for. Levels with σ_s > 0.

    Args:
        x: the samples, (B, …), in the dtype and on the device that all is computed in.
        made: what the model says.
        exact: from t to s, () or (B,).
    """
    smaller, of_data = at_samples(exact.smaller, x), at_samples(exact.of_data, x)
    apart = (of_data * (x - made.data)).square()
    return 0.5 * ((smaller + apart) / made.variance - 1 + torch.log(made.variance / smaller))


def prior_term(x: Tensor, last: Levels, start: float) -> Tensor:
    """KL(N(αx, σ²I) ‖ N(0, start²·I)) in nats, (B,), in x's dtype."""
    ratio = last.sigma**2 / start**2
    apart = (at_samples(last.alpha, x) * x / start).square()
    return 0.5 * (apart + ratio.item() - 1 - math.log(ratio.item())).flatten(1).sum(1)


def gaussian(x: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    """-log N(x; mean, variance) in nats of each dimension, in x's dtype."""
    return 0.5 * ((x - mean).square() / variance + torch.log(2 * math.pi * variance))


def smaller_variance(denoiser: Denoiser, levels: Levels) -> Reversing:
    """With β̃; in the last step, where β̃ is 0, with β."""

    def reverse(x: Tensor, t: Levels, s: Levels) -> Reverse:
        moved = transition(t, s)
        variance = torch.where(s.sigma > 0, moved.smaller, moved.larger)
        return Reverse(denoiser(x, t), at_samples(variance, x.double()))

    return reverse


def larger_variance(denoiser: Denoiser, levels: Levels) -> Reversing:
    """With β."""

    def reverse(x: Tensor, t: Levels, s: Levels) -> Reverse:
        return Reverse(denoiser(x, t), at_samples(transition(t, s).larger, x.double()))

    return reverse


def learned_variance(denoiser: Denoiser, levels: Levels) -> Reversing:
    """With what the denoiser has learned, which lies between the two; in the last step between β and the step before's
    β̃."""
    assert isinstance(denoiser, HasVariance)
    before = transition(levels.each(-3), levels.each(-2)).smaller

    def reverse(x: Tensor, t: Levels, s: Levels) -> Reverse:
        data, v = denoiser.with_variance(x, t)
        return Reverse(data, between(transition(t, s), v.double(), before))

    return reverse


def between(moved: Transition, v: Tensor, least: Tensor) -> Tensor:
    """exp(v·log β + (1 - v)·log β̃), of v's shape and dtype (Nichol & Dhariwal 2021, arXiv:2102.09672, equation 15).

    Args:
        moved: the step, () or (B,).
        v: (B, …).
        least: stands for β̃ where that is 0.
    """
    smaller = torch.where(moved.smaller > 0, moved.smaller, least)
    return torch.exp(v * at_samples(moved.larger.log(), v) + (1 - v) * at_samples(smaller.log(), v))
