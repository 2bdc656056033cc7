"""Likelihoods of energies, -log p(x) = E(x) + log Z: by a Z that is counted or integrated, or by one that is
annealed."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from torch import Tensor, nn

from kantor import keyed
from kantor.errors import UserError, require_at_least, require_positive
from kantor.evaluation.generation import pieces
from kantor.evaluation.likelihood import Likelihood, Term
from kantor.evaluation.score import Words
from kantor.evaluation.spreads import CERTAIN, Spread, of_mean
from kantor.keyed import Rng
from kantor.metrics.partition import MOST_BITS, log_integral, log_mean, log_sum_of_states
from kantor.models.base import GenerativeModel
from kantor.models.networks import evaluating
from kantor.models.protocols import HasPartitionFunction
from kantor.objectives.observation import Observed
from kantor.processes import Processes
from kantor.samplers.annealing import Machine, base_of, log_weights_down, log_weights_up
from kantor.samplers.spaces import Bits, Box, Space

MOST_REVERSE = 1000

TERMS = (
    Term(
        name="nll_reverse",
        words=Words(
            meaning="the same with log Z from chains that anneal the other way, down from held-out pictures",
            good="a little above nll: the truth lies between the two, as far as both are good estimates",
            suspicious="far above nll: annealing is too fast for this machine, and nll is too good to be true",
        ),
        source="Burda, Grosse & Salakhutdinov 2015, arXiv:1412.8566, algorithm 2",
        of_addends=(1.0, 1.0, 1.0, 0.0),
    ),
    Term(
        name="log_partition",
        words=Words(
            meaning="log Z by annealing, nats",
            good="about what chains from the other side say, nll_reverse - nll apart",
            suspicious="far from it",
        ),
        source="Salakhutdinov & Murray 2008, equation 15",
        of_addends=(0.0, 1.0, 0.0, 0.0),
        of_model=True,
    ),
)
"""Of an annealed likelihood, whose addends are energy, log Z, what the other side adds to it, and its opposite."""


@dataclass(frozen=True, kw_only=True)
class OfEnergy(Likelihood):
    """A way by a model's energy.

    Attributes:
        space: of the model that it is of; None before it is of one.
        log_z: of the model, once it is prepared: log Z, and what else is known of it.
    """

    space: Space | None = None
    log_z: tuple[float, ...] = ()

    @property
    def observes(self) -> tuple[Observed, ...]:
        """Bits, or numbers."""
        assert self.space is not None, "it is of no model yet"
        return ("binary",) if self.space.is_discrete else ("numbers",)

    def refusal(self, model: GenerativeModel) -> str | None:
        """Of a model without an energy."""
        if isinstance(model, HasPartitionFunction):
            return None
        return (
            f"likelihood={self.name}: {type(model).__name__} has no energy whose partition function could be had; take "
            "likelihood=none, or a model of an energy"
        )

    def of(self, model: GenerativeModel) -> Self:
        """Of what the model's states are."""
        fitting = super().of(model)
        assert isinstance(model, HasPartitionFunction)
        return replace(fitting, space=model.space)

    def told(self) -> dict[str, Any]:
        """Which states, and how many pictures."""
        if not isinstance(self.space, Bits):
            return {}
        return {**self.space.observation.describe(), "looked at": "all" if self.pictures is None else self.pictures}

    def nats(
        self, model: GenerativeModel, x: Tensor, labels: Tensor | None, *, weights: str, rng: Rng, as_bytes: bool
    ) -> Tensor:
        """Addends are the energy, and log Z with what else is known of it."""
        assert isinstance(model, HasPartitionFunction) and self.log_z, "it is not prepared"
        networks = model.weights(weights)
        with torch.no_grad(), evaluating(networks):
            energies = model.energy_of(networks)(model.space.of_data(x.to(model.device), rng)).cpu().double()
        known = torch.tensor(self.log_z, dtype=torch.float64).expand(len(x), -1)
        return torch.cat([energies[:, None], known], dim=1)


@dataclass(frozen=True, kw_only=True)
class Exact(OfEnergy):
    """By Z itself: the sum over all states of the smaller layer of a machine, or of points the integral.

    Attributes:
        extent: points are integrated over [-extent, extent]².
        cells: along either side of it.
    """

    name = "exact"
    extent: float
    cells: int

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(extent=self.extent)
        require_at_least(2, cells=self.cells)

    def describe(self, dimensions: int) -> dict[str, Any]:
        """Everything but the networks."""
        assert self.space is not None
        how = {"by": "all states"}
        if not self.space.is_discrete:
            how = {"by": "midpoint rule", "extent": self.extent, "cells": self.cells}  # type: ignore[dict-item]
        return {**how, "bound": "none", **self.told()}

    def refusal(self, model: GenerativeModel) -> str | None:
        """Also of too many states."""
        if not isinstance(model, HasPartitionFunction):
            return super().refusal(model)
        energy = model.energy_of(model.weights(model.weights.default))
        if isinstance(energy, Machine):
            if min(energy.visible, energy.hidden) <= MOST_BITS:
                return None
            return (
                f"likelihood=exact: neither side of the machine has at most {MOST_BITS} units ({energy.visible} and "
                f"{energy.hidden}), so that its states cannot be counted; take likelihood=annealed"
            )
        if isinstance(model.space, Box) and model.means.shape == (2,):
            return (
                f"likelihood=exact: points in a box of ±{model.space.high:g} have no mass outside of it, and the plane "
                "is integrated; take model.space=… of unbounded points, or likelihood=none"
            )
        if model.means.shape == (2,) and not model.space.is_discrete:
            return None
        return (
            "likelihood=exact: only energies of points and machines of two layers of bits have a partition function "
            "that can be counted; take likelihood=none"
        )

    def prepared(
        self, model: GenerativeModel, x: Tensor | None, *, weights: str, seed: int, processes: Processes
    ) -> Self:
        """With log Z, which one process counts."""
        assert isinstance(model, HasPartitionFunction)
        networks = model.weights(weights)

        def counted(piece: int) -> float:
            with torch.no_grad(), evaluating(networks):
                return self._log_z(in_float64(model.energy_of(networks)))

        return replace(self, log_z=tuple(pieces(counted, 1, processes)))

    def _log_z(self, energy: nn.Module) -> float:
        if not isinstance(energy, Machine):
            return log_integral(energy, self.extent, cells=self.cells)
        if energy.hidden <= energy.visible:
            return log_sum_of_states(energy.free_energy_of_hidden, energy.hidden)
        return log_sum_of_states(energy, energy.visible)


@dataclass(frozen=True, kw_only=True)
class Annealed(OfEnergy):
    """By annealed importance sampling of a machine of two layers, from both sides: chains that go up estimate Z, their
    log Z is below it on average, and `nll` too low; chains that go down from held-out pictures are off the other way.

    Attributes:
        chains: that go up.
        temperatures: of each chain.
        reverse: chains that go down, each from another picture, as far as there are as many.
        sides: how sure either side is of log Z, once it is prepared.
    """

    name = "annealed"
    terms = TERMS
    chains: int
    temperatures: int
    reverse: int
    sides: tuple[Spread, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        require_at_least(2, chains=self.chains)
        require_at_least(1, temperatures=self.temperatures)
        if not 2 <= self.reverse <= MOST_REVERSE:
            raise UserError(f"reverse={self.reverse}: expected 2 to {MOST_REVERSE} chains that go down")

    @property
    def shared(self) -> Mapping[str, Spread]:
        """Log Z, of chains from above and from below."""
        up, down = self.sides
        return {"nll": up, "log_partition": up, "nll_reverse": down}

    def describe(self, dimensions: int) -> dict[str, Any]:
        """Everything but the networks."""
        return {
            "by": "annealed importance sampling",
            "bound": "log Z from below on average; nll_reverse of the annealing itself, from the other side",
            "from": "independent bits with the means of the training pictures",
            "chains": self.chains,
            "temperatures": self.temperatures,
            "reverse chains": self.reverse if self.pictures is None else min(self.reverse, self.pictures),
            **self.told(),
        }

    def refusal(self, model: GenerativeModel) -> str | None:
        """Also of an energy that is no machine."""
        if not isinstance(model, HasPartitionFunction):
            return super().refusal(model)
        if isinstance(model.energy_of(model.weights(model.weights.default)), Machine):
            return None
        return (
            "likelihood=annealed: only a machine of two layers of bits is annealed, and the model's energy is a "
            "network; take likelihood=none (of points likelihood=exact)"
        )

    def prepared(
        self, model: GenerativeModel, x: Tensor | None, *, weights: str, seed: int, processes: Processes
    ) -> Self:
        """With log Z from both sides, each of which one process anneals."""
        assert isinstance(model, HasPartitionFunction) and x is not None
        networks = model.weights(weights)
        machine, base = model.energy_of(networks), base_of(model.means.flatten())
        assert isinstance(machine, Machine)

        def rng(number: int) -> Rng:
            return Rng(keyed.seed(seed, "annealing", number), device=model.device)

        def side(number: int) -> Tensor:
            with evaluating(networks):
                if number == 0:
                    return log_weights_up(machine, base, chains=self.chains, temperatures=self.temperatures, rng=rng(0))
                v = model.space.of_data(x[: self.reverse].to(model.device), rng(1)).flatten(1)
                return log_weights_down(machine, base, v, temperatures=self.temperatures, rng=rng(2))

        up, down = pieces(side, 2, processes)
        found, below = log_mean(up), of_mean(down)
        gap = float(down.mean()) - found.value
        sides = (Spread(found.variance, len(up) - 1), CERTAIN if isinstance(below, str) else below)
        return replace(self, log_z=(found.value, gap, -gap), sides=sides)


def in_float64(network: nn.Module) -> nn.Module:
    """A copy on the CPU that sums to all digits."""
    return copy.deepcopy(network).cpu().double().requires_grad_(False)
