"""Annealed importance sampling of machines of two layers (Neal 2001; Salakhutdinov & Murray 2008): from a law whose Z
is known to that of the machine through laws in between,

    log f_β(v) = (1 - β)·a₀·v + β·a·v + Σ_j log(1 + e^{β·(b_j + W_j v)}),

of which β = 0 is independent bits, Z₀ = 2^H·Π_i (1 + e^{a₀_i}), and β = 1 the machine. A chain that goes upwards has a
weight whose mean is Z, so that the logarithm of a mean of some is below log Z on average. One that goes down from a
sample of the machine has a weight whose mean is 1/Z, and is above it on average; from any v it estimates, below on
average, the probability that annealing ends in v (RAISE, Burda, Grosse & Salakhutdinov 2015, arXiv:1412.8566, algorithm
2)."""

import math
from itertools import pairwise
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from kantor.keyed import Rng
from kantor.samplers.kernels import HasConditionals, drawn


@runtime_checkable
class Machine(HasConditionals, Protocol):
    """A machine of two layers of bits."""

    @property
    def visible(self) -> int:
        """How many are seen."""
        ...

    @property
    def hidden(self) -> int:
        """How many are not."""
        ...

    def free_energy_of_hidden(self, h: Tensor) -> Tensor:
        """-log f(h) of hidden bits (B, hidden), (B,)."""
        ...


def base_of(means: Tensor) -> Tensor:
    """a₀: the log odds of independent bits with the means of the data, of which none is taken for certain."""
    return torch.logit(means.clamp(0.01, 0.99))


def log_z_of_base(base: Tensor, hidden: int) -> float:
    """log Z₀."""
    return hidden * math.log(2) + float(torch.nn.functional.softplus(base.cpu().double()).sum())


@torch.no_grad()
def log_weights_up(machine: Machine, base: Tensor, *, chains: int, temperatures: int, rng: Rng) -> Tensor:
    """log Z + log w of some chains from β = 0 to 1, in nats, float64 (chains,) on the CPU; E e^{log w} = 1.

    Args:
        machine: whose Z it is.
        base: a₀, (visible,).
        chains: how many.
        temperatures: steps of β, as long as each other; at each but the last a Gibbs step is made.
        rng: of all that is drawn.
    """
    v = drawn(torch.sigmoid(base).expand(chains, -1), rng)
    total = torch.full((chains,), log_z_of_base(base, machine.hidden), dtype=torch.float64)
    betas = torch.linspace(0, 1, temperatures + 1, dtype=torch.float64).tolist()
    biases, inputs = _biases(machine, base), machine.hidden_inputs(v)
    for now, then in pairwise(betas):
        total += _gain(biases, v, inputs, now, then)
        if then < 1:
            v = _gibbs(machine, base, inputs, then, rng)
            inputs = machine.hidden_inputs(v)
    return total


@torch.no_grad()
def log_weights_down(machine: Machine, base: Tensor, v: Tensor, *, temperatures: int, rng: Rng) -> Tensor:
    """The same of chains that go from given bits v (B, visible) at β = 1 to 0: log Z + log w, float64 (B,) on the CPU,
    where E e^{-log w} = 1 if v are samples of the machine."""
    total = torch.full((len(v),), log_z_of_base(base, machine.hidden), dtype=torch.float64)
    betas = torch.linspace(1, 0, temperatures + 1, dtype=torch.float64).tolist()
    biases, inputs = _biases(machine, base), machine.hidden_inputs(v)
    for now, then in pairwise(betas):
        v = _gibbs(machine, base, inputs, now, rng)
        inputs = machine.hidden_inputs(v)
        total += _gain(biases, v, inputs, then, now)
    return total


def _biases(machine: Machine, base: Tensor) -> Tensor:
    """a - a₀, (visible,)."""
    return machine.visible_inputs(base.new_zeros(1, machine.hidden))[0] - base


def _gain(biases: Tensor, v: Tensor, inputs: Tensor, now: float, then: float) -> Tensor:
    """log f_then(v) - log f_now(v), in float64: sums over ten thousand small steps."""
    of_bias = (v @ biases).cpu().double()
    inputs = inputs.cpu().double()
    of_hidden = _softplus(then * inputs) - _softplus(now * inputs)
    return (then - now) * of_bias + of_hidden.sum(1)


def _softplus(x: Tensor) -> Tensor:
    """log(1 + e^x) to all digits; torch's own cuts at 20."""
    return x.clamp(min=0) + torch.log1p(torch.exp(-x.abs()))


def _gibbs(machine: Machine, base: Tensor, inputs: Tensor, beta: float, rng: Rng) -> Tensor:
    """Seen bits after a step at β, of hidden inputs at β = 1."""
    hidden = drawn(torch.sigmoid(beta * inputs), rng)
    return drawn(torch.sigmoid((1 - beta) * base + beta * machine.visible_inputs(hidden)), rng)
