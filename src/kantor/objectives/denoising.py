"""The loss of denoisers, E w·‖x - D(x_t)‖²: a path, a parametrisation, a weight and times.

DDPM, improved DDPM, EDM, flow matching and NCSN differ in these four.
"""

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from kantor.errors import UserError
from kantor.keyed import Rng
from kantor.noising.coupling import Coupling
from kantor.noising.denoiser import Denoiser, NetworkDenoiser, Predict
from kantor.noising.levels import Levels, at_samples, noised
from kantor.noising.parametrisation import Coefficients, Parametrisation
from kantor.noising.path import Path
from kantor.noising.times import Times
from kantor.noising.weights import Weight


class NoisedLosses(NamedTuple):
    """What a batch loses.

    Attributes:
        losses: w·‖x - D‖²/d of each sample, (B,).
        times: where on the path each was looked at, float64 (B,), on the CPU.
    """

    losses: Tensor
    times: Tensor


@dataclass(frozen=True, eq=False)
class Noised:
    """A batch on its way to noise.

    Attributes:
        x: the samples, (B, …).
        noise: ε, of the same shape.
        times: float64 (B,), on the CPU.
        levels: at these.
        coefficients: of the parametrisation there.
    """

    x: Tensor
    noise: Tensor
    times: Tensor
    levels: Levels
    coefficients: Coefficients

    @property
    def x_t(self) -> Tensor:
        """(B, …)."""
        return noised(self.x, self.noise, self.levels)

    def seen_by(self, predict: Predict) -> Tensor:
        """What a network gives."""
        into, told = at_samples(self.coefficients.into, self.x), self.coefficients.noise.to(self.x)
        return predict(into * self.x_t, told)


@dataclass(frozen=True, kw_only=True)
class Denoising:
    """The four choices.

    Attributes:
        path: how samples become noise.
        parametrisation: what the network gives.
        weight: how much each level counts.
        times: which levels are looked at.
        coupling: which noise goes with which sample.

    Raises:
        UserError: they do not go together.
    """

    path: Path
    parametrisation: Parametrisation
    weight: Weight
    times: Times
    coupling: Coupling

    def __post_init__(self) -> None:
        for name, part in (("parametrisation", self.parametrisation), ("times", self.times)):
            refusal = part.refusal(self.path)
            if refusal is not None:
                raise UserError(f"{name}._target_={type(part).__module__}.{type(part).__qualname__}: {refusal}")

    def denoiser(self, predict: Predict) -> Denoiser:
        """What a network that is trained by this estimates."""
        return NetworkDenoiser(predict, self.parametrisation, self.path)

    def channels(self, of_data: int) -> int:
        """How many a network gives, of samples with so many."""
        return of_data

    def losses(self, predict: Predict, x: Tensor, rng: Rng) -> NoisedLosses:
        """Of samples x (B, …), at times and with noise from `rng`."""
        noised = self.noised(x, rng)
        given = noised.seen_by(predict)
        return NoisedLosses(self.errors(given, noised), noised.times)

    def noised(self, x: Tensor, rng: Rng) -> "Noised":
        """Samples (B, …) at times and with noise from `rng`."""
        times = self.times.draw(len(x), rng, self.path)
        noise = self.coupling(x, rng.normal(*x.shape))
        levels = self.path.at(times)
        coefficients = self.parametrisation.coefficients(levels, self.path)
        return Noised(x, noise, times, levels, coefficients)

    def errors(self, given: Tensor, noised: "Noised") -> Tensor:
        """w·‖x - D‖²/d of what a network gives, (B, …) → (B,).

        It is taken of that, w·out²·‖F - F*‖²: a difference of samples would cancel where there is little noise.
        """
        x, levels = noised.x, noised.levels
        of_x, of_noise = self.parametrisation.target(levels)
        wanted = at_samples(of_x, x) * x + at_samples(of_noise, x) * noised.noise
        error = (given - wanted).square().flatten(1).mean(1)  # (B,)
        return (self.weight(levels) * noised.coefficients.out**2).to(error) * error
