"""Chains: many steps of a kernel, as training takes them, and as samples are drawn."""

from dataclasses import dataclass, fields
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from kantor.errors import NonFiniteError, UserError, require_at_least
from kantor.keyed import Rng
from kantor.samplers.kernels import Energy, Kernel, Place
from kantor.samplers.spaces import Space

STARTS = ("noise", "kept")


class Walk(NamedTuple):
    """Where chains have come to.

    Attributes:
        x: (B, …), without a graph.
        acceptance: the share of steps that were taken, a scalar; None where each is.
    """

    x: Tensor
    acceptance: Tensor | None


class Lost(NonFiniteError):
    """Chains have left all bounds."""


@torch.no_grad()
def walk(kernel: Kernel, energy: Energy, x: Tensor, space: Space, *, steps: int, rng: Rng) -> Walk:
    """Some steps of chains that are at x (B, …).

    Raises:
        Lost: one is nowhere any more; the step, the energy from which it was lost and what to lower are named.
    """
    lost, highest = torch.full((), -1, device=x.device), torch.zeros((), device=x.device)
    at, shares = Place(x), []
    for k in range(steps):
        at = kernel.step(energy, at, space, rng)
        if at.before is not None:
            known = at.before.isfinite().all() | (k == 0)  # of the first step there is no other energy to name
            highest = torch.where((lost < 0) & known, at.before.max(), highest)
            lost = torch.where((lost < 0) & ~(at.before.isfinite().all() & at.x.isfinite().all()), k, lost)
        if at.accepted is not None:
            shares.append(at.accepted.float().mean())
    if int(lost) >= 0:
        raise Lost(
            f"chains diverged in step {int(lost) + 1} of {steps} of {kernel.name}, from an energy of "
            f"{float(highest):.3g}" + ("" if kernel.remedy is None else f": lower {kernel.remedy}")
        )
    return Walk(at.x, torch.stack(shares).mean() if shares else None)


@dataclass(frozen=True, kw_only=True)
class ChainSampler:
    """Samples are where chains are after some steps.

    Attributes:
        kernel: moves them.
        steps: of each chain.
        start: `noise`, or `kept`: the chains that training has kept, each for as many samples as it has to be; samples
            of one chain are alike until it has moved on.

    Raises:
        UserError: there are no steps, or no such start.
    """

    kernel: Kernel
    steps: int
    start: Literal["noise", "kept"]

    def __post_init__(self) -> None:
        require_at_least(1, steps=self.steps)
        if self.start not in STARTS:
            raise UserError(f"start={self.start}: expected one of {', '.join(STARTS)}")

    @property
    def nfe(self) -> int:
        """How often the energy or its gradient is asked for a sample."""
        return self.kernel.evaluations(self.steps)

    def describe(self) -> dict[str, Any]:
        """The kernel's name and settings, `steps` and `start`."""
        settings = {f"kernel.{field.name}": getattr(self.kernel, field.name) for field in fields(self.kernel)}
        return {"sampler": self.kernel.name, "nfe": self.nfe, "steps": self.steps, "start": self.start, **settings}
