"""Kernels: one step of a Markov chain whose law becomes p(x) = e^{-E(x)}/Z, of many chains at once.

None of them keeps a graph: where a chain has come to is data for a loss, and not a function of the weights that one
could differentiate (Hinton 2002)."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor

from kantor.errors import UserError, require_at_least, require_positive
from kantor.keyed import Rng
from kantor.samplers.spaces import Space

Energy = Callable[[Tensor], Tensor]
"""States (B, …) → nats (B,), up to a constant."""


@runtime_checkable
class HasConditionals(Protocol):
    """An energy of two layers of bits, each of which is independent given the other."""

    def hidden_inputs(self, v: Tensor) -> Tensor:
        """The log odds of hidden bits given seen ones (B, …), (B, hidden)."""
        ...

    def visible_inputs(self, h: Tensor) -> Tensor:
        """The log odds of seen bits given hidden ones (B, hidden), (B, visible)."""
        ...


class Slope(NamedTuple):
    """What the energy is somewhere: itself (B,) and its gradient (B, …)."""

    energy: Tensor
    gradient: Tensor


class Place(NamedTuple):
    """Where chains are.

    Attributes:
        x: (B, …).
        slope: the energy there; None where it was not asked for.
        before: the energy from which they came, (B,); None where it was not asked for.
        accepted: which of them took the step, (B,); None where each takes every step.
    """

    x: Tensor
    slope: Slope | None = None
    before: Tensor | None = None
    accepted: Tensor | None = None


@dataclass(frozen=True, kw_only=True)
class Kernel(ABC):
    """A step of chains."""

    name: ClassVar[str]
    """In cards."""
    proposes: ClassVar[bool] = False
    """Whether a step is taken or not by Metropolis and Hastings' rule."""

    def evaluations(self, steps: int) -> int:
        """How often some steps of a chain ask the energy, or its gradient."""
        return steps

    @property
    def remedy(self) -> str | None:
        """What to lower where chains leave all bounds; None where they cannot."""
        return None

    @abstractmethod
    def step(self, energy: Energy, at: Place, space: Space, rng: Rng) -> Place:
        """One step of chains, with noise from `rng`."""

    def refusal(self, energy: Energy, space: Space) -> str | None:
        """Why it cannot move chains by an energy, in a clause; None where it can."""
        return f"{self.name} goes along a gradient, and bits have none; take gibbs" if space.is_discrete else None

    def shown(self, energy: Energy, x: Tensor, rng: Rng) -> Tensor:
        """What is handed out as a sample of a chain at x (B, …): x."""
        return x


@dataclass(frozen=True, kw_only=True)
class Gibbs(Kernel):
    """Block Gibbs sampling: all hidden bits anew given the seen ones, then all seen ones given these.

    Both are drawn. Chains whose states are probabilities have another law (Hinton 2012, section 3).
    """

    name = "gibbs"

    def step(self, energy: Energy, at: Place, space: Space, rng: Rng) -> Place:
        """Of bits."""
        assert isinstance(energy, HasConditionals)
        return Place(drawn(self._probabilities(energy, at.x, rng), rng).view_as(at.x))

    def refusal(self, energy: Energy, space: Space) -> str | None:
        """It needs two layers."""
        if isinstance(energy, HasConditionals):
            return None
        return "gibbs draws one layer of bits given another, and the energy has no layers; take adjusted_langevin"

    def shown(self, energy: Energy, x: Tensor, rng: Rng) -> Tensor:
        """The probabilities of the next seen bits, given hidden ones that are drawn: grey pictures."""
        assert isinstance(energy, HasConditionals)
        return self._probabilities(energy, x, rng).view_as(x)

    def _probabilities(self, energy: HasConditionals, x: Tensor, rng: Rng) -> Tensor:
        hidden = drawn(torch.sigmoid(energy.hidden_inputs(x)), rng)
        return torch.sigmoid(energy.visible_inputs(hidden))


def drawn(probabilities: Tensor, rng: Rng) -> Tensor:
    """Bits (B, …) of probabilities (B, …)."""
    return (rng.uniform(*probabilities.shape) < probabilities).to(probabilities)


@dataclass(frozen=True, kw_only=True)
class UnadjustedLangevin(Kernel):
    """x ← x - η·∇E(x) + √(2η)·z, z ~ N(0, 1) (Roberts & Tweedie 1996): its law is p as η goes to 0, and else near it;
    of N(0, 1) the variance becomes 1/(1 - η/2).

    Attributes:
        step_size: η.
    """

    name = "unadjusted_langevin"
    step_size: float

    def __post_init__(self) -> None:
        require_positive(step_size=self.step_size)

    @property
    def remedy(self) -> str | None:
        """η."""
        return f"step_size={self.step_size}"

    def step(self, energy: Energy, at: Place, space: Space, rng: Rng) -> Place:
        """One gradient."""
        here = slope(energy, at.x)
        noise = rng.normal(*at.x.shape)
        return Place(space.within(_towards(at.x, here.gradient, self.step_size, noise)), before=here.energy)


def _towards(x: Tensor, gradient: Tensor, step_size: float, noise: Tensor) -> Tensor:
    return x - step_size * gradient + (2 * step_size) ** 0.5 * noise


@dataclass(frozen=True, kw_only=True)
class AdjustedLangevin(UnadjustedLangevin):
    """A Langevin step that is proposed, and taken or not by Metropolis and Hastings' rule, so that p is its law
    whatever η is."""

    name = "adjusted_langevin"
    proposes = True

    def evaluations(self, steps: int) -> int:
        """Where a chain begins, and at each proposal."""
        return steps + 1

    @property
    def remedy(self) -> str | None:
        """What is far away is not taken."""
        return None

    def step(self, energy: Energy, at: Place, space: Space, rng: Rng) -> Place:
        """One gradient, at the proposal."""
        here = at.slope or slope(energy, at.x)
        proposed = _towards(at.x, here.gradient, self.step_size, rng.normal(*at.x.shape))
        there = slope(energy, proposed)
        ratio = here.energy - there.energy + self._log_proposal(at.x, proposed, there.gradient)
        ratio = ratio - self._log_proposal(proposed, at.x, here.gradient)
        return _metropolis(Place(at.x, here), Place(proposed, there), ratio, space, rng)

    def _log_proposal(self, to: Tensor, of: Tensor, gradient: Tensor) -> Tensor:
        """log q(to | of), up to a constant, (B,)."""
        return -(to - of + self.step_size * gradient).square().flatten(1).sum(1) / (4 * self.step_size)


@dataclass(frozen=True, kw_only=True)
class Hamiltonian(Kernel):
    """Hamiltonian Monte Carlo (Duane et al. 1987; Neal 2011, arXiv:1206.1901, figure 2): a fresh momentum, some
    leapfrog steps, and Metropolis' rule.

    Attributes:
        step_size: ε of a leapfrog step.
        leapfrogs: how many.
    """

    name = "hamiltonian"
    proposes = True
    step_size: float
    leapfrogs: int

    def __post_init__(self) -> None:
        require_positive(step_size=self.step_size)
        require_at_least(1, leapfrogs=self.leapfrogs)

    def evaluations(self, steps: int) -> int:
        """Where a chain begins, and at the end of each leapfrog step."""
        return steps * self.leapfrogs + 1

    def step(self, energy: Energy, at: Place, space: Space, rng: Rng) -> Place:
        """One trajectory."""
        here = at.slope or slope(energy, at.x)
        momentum = rng.normal(*at.x.shape)
        x, moved, there = at.x, momentum, here
        for _ in range(self.leapfrogs):
            moved = moved - self.step_size / 2 * there.gradient
            x = x + self.step_size * moved
            there = slope(energy, x)
            moved = moved - self.step_size / 2 * there.gradient
        kinetic = (momentum.square() - moved.square()).flatten(1).sum(1) / 2
        ratio = here.energy - there.energy + kinetic
        return _metropolis(Place(at.x, here), Place(x, there), ratio, space, rng)


@dataclass(frozen=True, kw_only=True)
class NoisyDescent(Kernel):
    """x ← x - s·g(x + n·z), g the gradient of E cut to ±bound: what deep energy models of pictures are trained by (Du &
    Mordatch 2019, arXiv:1903.08689). Their steps are far larger than their noise, so that it is no Langevin step, whose
    noise would be √(2s), and samples pile up where the energy is low; noise comes before the descent, so that none is
    left in a sample.

    Attributes:
        step_size: s.
        noise: n.
        bound: of each number of the gradient.
    """

    name = "noisy_descent"
    step_size: float
    noise: float
    bound: float

    def __post_init__(self) -> None:
        require_positive(step_size=self.step_size, bound=self.bound)
        require_at_least(0, noise=self.noise)

    @property
    def remedy(self) -> str | None:
        """s."""
        return f"step_size={self.step_size}"

    def step(self, energy: Energy, at: Place, space: Space, rng: Rng) -> Place:
        """One gradient."""
        x = space.within(at.x + self.noise * rng.normal(*at.x.shape))
        here = slope(energy, x)
        down = here.gradient.clamp(-self.bound, self.bound)
        return Place(space.within(x - self.step_size * down), before=here.energy)


def slope(energy: Energy, x: Tensor) -> Slope:
    """E and its gradient at x (B, …).

    Raises:
        UserError: E is not differentiable.
    """
    with torch.enable_grad():
        found = differentiated(energy, x.detach().requires_grad_(True), create_graph=False)
    return Slope(*(each.detach() for each in found))


def differentiated(energy: Energy, x: Tensor, *, create_graph: bool) -> Slope:
    """E and its gradient at x (B, …), of which E has its graph, and the gradient where that is asked for.

    Raises:
        UserError: E is not differentiable.
    """
    found, gradient = energy(x), None
    if found.requires_grad:
        (gradient,) = torch.autograd.grad(found.sum(), x, create_graph=create_graph, allow_unused=True)
    if gradient is None:
        raise UserError("energy: it has no gradient at a sample; detach nothing, and round nothing")
    return Slope(found, gradient)


def _metropolis(here: Place, proposed: Place, log_ratio: Tensor, space: Space, rng: Rng) -> Place:
    """The proposal with probability min(1, e^{log_ratio}), else the place here; what is no state is never taken."""
    assert here.slope is not None and proposed.slope is not None
    log_ratio = torch.where(space.holds(proposed.x), log_ratio, -torch.inf)
    accepted = rng.uniform(len(here.x)) < log_ratio.exp()  # False of a NaN

    def taken(there: Tensor, stay: Tensor) -> Tensor:
        return torch.where(accepted.view(-1, *[1] * (stay.dim() - 1)), there, stay)

    there = Slope(*map(taken, proposed.slope, here.slope))
    return Place(taken(proposed.x, here.x), there, before=here.slope.energy, accepted=accepted)
