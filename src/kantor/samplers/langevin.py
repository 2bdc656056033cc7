"""Langevin dynamics: steps x ← x + η·∇log p(x) + √(2η)·z, whose samples come to be of p, but for the length of η.

`Langevin` is the lecture's: one level of noise, p that of the data with it. On N(0, 1) its variance is 1/(1 - η/2). It
finds the modes in whose basins it begins, in shares that are those of the basins: between modes that are far apart no
chain crosses (Song & Ermon 2019, arXiv:1907.05600, section 3.2.2). `AnnealedLangevin` (the same paper, algorithm 1)
goes from much noise to little, with η in proportion to σ². At the end both take out the noise that is left
(Jolicoeur-Martineau et al. 2021, arXiv:2009.05475).
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from kantor.errors import UserError, require_at_least, require_positive
from kantor.keyed import Rng
from kantor.noising.denoiser import Denoiser
from kantor.noising.levels import Levels
from kantor.noising.path import Path, at_ratio
from kantor.samplers.base import DenoisingSampler, GridSampler, noise_in, noise_like, transitions


@dataclass(frozen=True, kw_only=True)
class AnnealedLangevin(GridSampler):
    """Between levels x is scaled as the data are, by α_s/α_t: not at all on an exploding path.

    Attributes:
        inner: steps at each level.
        step_size: η/σ²; that of the paper's ε is ε/(2·σ_L²), so 0.1 for its ε = 2e-5 and σ_L = 0.01.
    """

    name: ClassVar[str] = "annealed_langevin"
    inner: int
    step_size: float

    def __post_init__(self) -> None:
        super().__post_init__()
        require_at_least(1, inner=self.inner)
        require_positive(step_size=self.step_size)

    @property
    def evaluations(self) -> int:
        """`inner` at each level, and one for the data at the end."""
        return self.steps * self.inner + 1

    def walk(self, denoiser: Denoiser, x: Tensor, levels: Levels, rng: Rng) -> Tensor:
        """As `DenoisingSampler` has it."""
        noisy = [t for t, _ in transitions(levels)]
        counted = Counted(self.step_size, steps=len(noisy) * self.inner)
        for before, t in zip([None, *noisy], noisy, strict=False):
            if before is not None and before.alpha > 0:
                x = t.alpha / before.alpha * x
            for _ in range(self.inner):
                x = counted(moved(x, denoiser, t, self.step_size * t.sigma**2, rng))
            counted.check()
        return denoiser(x, noisy[-1])


@dataclass(frozen=True, kw_only=True)
class Langevin(DenoisingSampler):
    """At one level of noise, from a normal law; `steps` are those of the chain.

    Attributes:
        noise: σ/α of the level, the deviation of the noise in units of the data.
        step_size: η, in squared units of the data. Above twice the variance across the narrowest mode, noise included,
            steps go ever further.
        start: the standard deviation of the normal law, in units of the data.
    """

    name: ClassVar[str] = "langevin"
    noise: float
    step_size: float
    start: float

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(noise=self.noise, step_size=self.step_size, start=self.start)

    @property
    def evaluations(self) -> int:
        """One each step, and one for the data at the end."""
        return self.steps + 1

    def levels(self, path: Path) -> Levels:
        """The one again and again, and the data.

        Raises:
            UserError: the path has no such level.
        """
        level = at_ratio(path, self.noise)
        if level is None:
            raise UserError(f"noise={self.noise}: the model's path has no such σ/α; take one that it was trained at")
        alpha, sigma = (value.repeat(self.steps) for value in level)
        return Levels(torch.cat([alpha, torch.ones(1).double()]), torch.cat([sigma, torch.zeros(1).double()]))

    def draw(self, denoiser: Denoiser, path: Path, shape: tuple[int, ...], rng: Rng) -> Tensor:
        """As `DenoisingSampler` has it, from the normal law."""
        levels = self.levels(path)
        return self(denoiser, float(levels.alpha[0]) * self.start * rng.normal(*shape), levels, rng)

    def walk(self, denoiser: Denoiser, x: Tensor, levels: Levels, rng: Rng) -> Tensor:
        """As `DenoisingSampler` has it."""
        counted = Counted(self.step_size, steps=len(levels.alpha) - 1)
        for t, _ in transitions(levels):
            x = counted(moved(x, denoiser, t, self.step_size * t.alpha**2, rng))
        counted.check()
        return denoiser(x, levels.each(len(levels.alpha) - 2))


def moved(x: Tensor, denoiser: Denoiser, t: Levels, eta: Tensor, rng: Rng) -> Tensor:
    """x after one step of length η at a level."""
    score = -noise_in(x, denoiser(x, t), t) / t.sigma
    return x + eta * score + (2 * eta).sqrt() * noise_like(x, rng)


class Counted:
    """Steps of chains, of which the first is remembered after which one is nowhere any more: a look at each of them
    from the CPU would hold an accelerator up.

    Args:
        step_size: of the sampler.
        steps: that there will be.
    """

    def __init__(self, step_size: float, *, steps: int) -> None:
        self.step_size, self.steps = step_size, steps
        self._taken, self._finite = 0, torch.zeros(())

    def __call__(self, x: Tensor) -> Tensor:
        """x (n, …), after one more step."""
        self._taken += 1
        self._finite = self._finite.to(x.device) + x.isfinite().all()  # what is nowhere stays there
        return x

    def check(self) -> None:
        """Check that no chain has gone ever further.

        Raises:
            UserError: one has.
        """
        if not self._finite == self._taken:
            raise UserError(
                f"step_size={self.step_size}: Langevin steps of this length go ever further, and after step "
                f"{int(self._finite) + 1} of {self.steps} samples are no longer finite numbers; take less, such as "
                f"sampler.step_size={self.step_size / 10:.3g}"
            )
