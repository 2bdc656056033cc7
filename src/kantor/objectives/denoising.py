"""The loss of denoisers, E w·‖x - D(x_t)‖²: a path, a parametrisation, a weight and times.

DDPM, improved DDPM, EDM, flow matching and NCSN differ in these four.
"""

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from kantor.errors import UserError
from kantor.keyed import Rng
from kantor.noising.coupling import Coupling
from kantor.noising.denoiser import Predict
from kantor.noising.levels import at_samples, noised
from kantor.noising.parametrisation import Parametrisation
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
        for part in (self.parametrisation, self.times):
            refusal = part.refusal(self.path)
            if refusal is not None:
                raise UserError(refusal)

    def losses(self, predict: Predict, x: Tensor, rng: Rng) -> NoisedLosses:
        """Of samples x (B, …), at times and with noise from `rng`.

        The error is taken of what the network gives, w·‖x - D‖² = w·out²·‖F - F*‖²: a difference of samples would
        cancel where there is little noise.
        """
        times = self.times.draw(len(x), rng, self.path)
        noise = self.coupling(x, rng.normal(*x.shape))
        levels = self.path.at(times)
        coefficients = self.parametrisation.coefficients(levels, self.path)
        x_t = noised(x, noise, levels)
        given = predict(at_samples(coefficients.into, x) * x_t, coefficients.noise.to(x))
        of_x, of_noise = self.parametrisation.target(levels)
        wanted = at_samples(of_x, x) * x + at_samples(of_noise, x) * noise
        error = (given - wanted).square().flatten(1).mean(1)  # (B,)
        return NoisedLosses((self.weight(levels) * coefficients.out**2).to(error) * error, times)
