"""The Gaussian posterior q(x_s | x_t, x) of a level s with less noise, given one with more and the sample itself.

With r = α_t/α_s and v = σ_t² - r²·σ_s², the variance that noising adds from s to t, its mean is
r·σ_s²/σ_t²·x_t + α_s·v/σ_t²·x and its variance v·σ_s²/σ_t². For neighbouring steps of a chain these are equation 7 of
Ho et al. 2020 (arXiv:2006.11239), and 74 (which lacks x_t) and 75 of the Purdue lecture; for any two levels nothing
changes.
"""

from typing import NamedTuple

from torch import Tensor

from kantor.noising.levels import Levels


class Transition(NamedTuple):
    """Float64, each of the levels' shape.

    Attributes:
        of_x_t: the factor of x_t in the mean.
        of_data: the factor of the sample in the mean.
        smaller: β̃, the posterior's variance; exact where the sample is one point.
        larger: β, the variance that noising adds; exact where the data are N(0, I) (Ho et al. 2020, section 3.2).
    """

    of_x_t: Tensor
    of_data: Tensor
    smaller: Tensor
    larger: Tensor


def transition(t: Levels, s: Levels) -> Transition:
    """From level t to level s.

    Args:
        t: σ > 0.
        s: with less noise for its sample, α > 0; σ = 0 for the data themselves.
    """
    r = t.alpha / s.alpha
    added = t.sigma**2 - r**2 * s.sigma**2
    kept = s.sigma**2 / t.sigma**2
    return Transition(r * kept, s.alpha * added / t.sigma**2, added * kept, added)
