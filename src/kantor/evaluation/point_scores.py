"""All scores of generated points against a distribution whose truth is known. A new one is one more object here."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from kantor.data.points import GaussianMixture, Line, PointDistribution, Points
from kantor.errors import NonFiniteError
from kantor.evaluation.score import NO_DRAWS, NOT_NEGATIVE, SHARE, Kind, Words
from kantor.evaluation.score_definition import ScoreDefinition
from kantor.metrics import divergences, modes
from kantor.metrics.duality import critic_w1
from kantor.metrics.transport import wasserstein

MODE_SHARE, OF_ITS_OWN = 0.01, 0.25
"""Of all samples, or of a rare mode's own share, that a mode needs to count as covered."""
MODE_RADIUS = 3.0
WITHIN_TARGET = round(1 - math.exp(-(MODE_RADIUS**2) / 2), 5)

Potential = Callable[[Points], np.ndarray]
"""A critic on points (N, 2) → (N,), in float64."""


@dataclass(frozen=True)
class PointSetting:
    """What decides which scores points have, and how they are computed.

    Attributes:
        distribution: the truth.
        bins: cells of histograms along each axis.
        has_potential: the model has a critic that estimates W1.
    """

    distribution: PointDistribution
    bins: int
    has_potential: bool


@dataclass(frozen=True, eq=False)
class PointComparison:
    """Points against the truth.

    Attributes:
        setting: of the scores.
        reference: real points, (n, 2).
        points: generated ones, (m, 2).
        potential: the model's critic, where it has one.
    """

    setting: PointSetting
    reference: Points
    points: Points
    potential: Potential | None

    @property
    def mixture(self) -> GaussianMixture:
        """The truth, where it has modes."""
        assert isinstance(self.setting.distribution, GaussianMixture)
        return self.setting.distribution

    @cached_property
    def histograms(self) -> tuple[np.ndarray, np.ndarray]:
        """Of both sets over a common grid."""
        return divergences.common_histograms(self.reference, self.points, bins=self.setting.bins)

    @cached_property
    def w1(self) -> float:
        """The exact distance."""
        return wasserstein(self.reference, self.points, order=1)

    def critic_w1(self) -> float:
        """The critic's estimate of it, which is no larger.

        Raises:
            NonFiniteError: the critic gives a NaN or an infinity.
        """
        assert self.potential is not None
        f_real, f_generated = self.potential(self.reference), self.potential(self.points)
        if not (np.isfinite(f_real).all() and np.isfinite(f_generated).all()):
            raise NonFiniteError("the critic gives values that are not finite: the run diverged and has no score")
        estimate = critic_w1(self.reference, self.points, f_real, f_generated)
        slack = 1e-9 * max(float(np.abs(self.reference).max()), float(np.abs(self.points).max()))
        assert estimate <= self.w1 + slack, "no function of slope 1 tells the points further apart than W1"
        return estimate


@dataclass(frozen=True, kw_only=True)
class PointScore(ScoreDefinition[PointSetting, PointComparison]):
    """A score of points.

    Attributes:
        spread: points cost too little for one draw to say how sure it is.
    """

    spread: str = NO_DRAWS


def _has_modes(setting: PointSetting) -> bool:
    return isinstance(setting.distribution, GaussianMixture)


def _is_line(setting: PointSetting) -> bool:
    return isinstance(setting.distribution, Line)


def _exact(setting: PointSetting) -> dict[str, Any]:
    return {"solver": "exact", "ground": "euclidean", "arithmetic": "float64"}


POINT_SCORES = (
    PointScore(
        name="modes_covered",
        kind=Kind("higher", aspect="variety", bounds=NOT_NEGATIVE),
        words=Words(
            meaning="modes with at least 1% of all samples within 3 sigma, rare ones a quarter of their share",
            good="all of them, as real data have",
            suspicious="fewer than all: the generator has dropped modes; all of them says nothing of the shares",
        ),
        function=modes.modes_covered,
        source="Srivastava et al. 2017, arXiv:1705.07761; the share that counts stands in the estimator",
        estimator=lambda setting: {"share": MODE_SHARE, "of_its_own": OF_ITS_OWN, "radius_sigma": MODE_RADIUS},
        compute=lambda comparison: float(
            modes.modes_covered(
                comparison.points,
                comparison.mixture.modes,
                comparison.mixture.sigma,
                share=np.minimum(MODE_SHARE, OF_ITS_OWN * comparison.mixture.class_shares()),
                radius=MODE_RADIUS,
            )
        ),
        applies=_has_modes,
    ),
    PointScore(
        name="within_3_sigma",
        kind=Kind("target", WITHIN_TARGET, aspect="fidelity", depends_on_n=False, bounds=SHARE),
        words=Words(
            meaning="share of samples within 3 sigma of a mode",
            good="near its target, the share of a Gaussian's own mass",
            suspicious="above the target: modes are drawn too narrow; below it: samples lie between modes",
        ),
        function=modes.within_radius,
        source="high-quality samples of Srivastava et al. 2017, arXiv:1705.07761; the target is 1 - exp(-9/2)",
        estimator=lambda setting: {"radius_sigma": MODE_RADIUS},
        compute=lambda comparison: modes.within_radius(
            comparison.points, comparison.mixture.modes, comparison.mixture.sigma, radius=MODE_RADIUS
        ),
        applies=_has_modes,
    ),
    PointScore(
        name="mode_kl",
        kind=Kind("lower", aspect="variety", bounds=NOT_NEGATIVE),
        words=Words(
            meaning="KL of the histogram of nearest modes from the modes' shares, nats",
            good="as low as what real data score: modes are as frequent as they should be",
            suspicious="far above it: some modes are drawn too often, others hardly; noise may have the right shares",
        ),
        function=modes.mode_kl,
        source="Kullback and Leibler 1951, of the histogram of nearest modes",
        estimator=lambda setting: {"histogram": "nearest mode", "against": "the true shares", "unit": "nats"},
        compute=lambda comparison: modes.mode_kl(
            comparison.points, comparison.mixture.modes, comparison.mixture.class_shares()
        ),
        applies=_has_modes,
    ),
    PointScore(
        name="tv",
        kind=Kind("lower", bounds=SHARE),
        words=Words(
            meaning="total variation",
            good="as low as what real data score; 0 for equal histograms",
            suspicious="near 1: the two hardly overlap, and the score no longer says how far apart they are",
        ),
        function=divergences.total_variation,
        source="half the sum of absolute differences of two histograms",
        estimator=lambda setting: {"histogram": "common grid", "bins": setting.bins},
        compute=lambda comparison: divergences.total_variation(*comparison.histograms),
        applies=_is_line,
    ),
    PointScore(
        name="js",
        kind=Kind("lower", bounds=(0.0, math.log(2))),
        words=Words(
            meaning="Jensen-Shannon divergence, nats",
            good="as low as what real data score; 0 for equal histograms",
            suspicious="near ln 2 = 0.693: the two hardly overlap, and the score no longer says how far apart they are",
        ),
        function=divergences.jensen_shannon,
        source="Lin 1991, with equal weights",
        estimator=lambda setting: {"histogram": "common grid", "unit": "nats", "bins": setting.bins},
        compute=lambda comparison: divergences.jensen_shannon(*comparison.histograms),
        applies=_is_line,
    ),
    PointScore(
        name="w1",
        kind=Kind("lower", bounds=NOT_NEGATIVE),
        words=Words(
            meaning="exact Wasserstein-1 distance",
            good="as low as what real data score at the same n",
            suspicious="clearly below what real data score: more even than independent draws",
        ),
        function=wasserstein,
        source="Kantorovich 1942; solved by the network simplex of Bonneel et al. 2011",
        estimator=_exact,
        compute=lambda comparison: comparison.w1,
    ),
    PointScore(
        name="w2",
        kind=Kind("lower", bounds=NOT_NEGATIVE),
        words=Words(
            meaning="exact Wasserstein-2 distance",
            good="as low as what real data score at this size",
            suspicious="far above w1: a few samples lie far out",
        ),
        function=wasserstein,
        source="Kantorovich 1942, with squared costs; solved by the network simplex of Bonneel et al. 2011",
        estimator=_exact,
        compute=lambda comparison: wasserstein(comparison.reference, comparison.points, order=2),
    ),
    PointScore(
        name="critic_w1",
        kind=Kind("none", aspect="bound"),
        words=Words(
            meaning="the critic's own estimate of W1",
            good="near w1, which it cannot exceed: then the critic is well trained",
            suspicious="far below w1, or negative: the critic lags behind the generator",
        ),
        function=critic_w1,
        source="Kantorovich-Rubinstein duality, Arjovsky et al. 2017, arXiv:1701.07875, equation 2",
        estimator=lambda setting: {"slope": "largest between any two points", "arithmetic": "float64"},
        compute=lambda comparison: comparison.critic_w1(),
        applies=lambda setting: setting.has_potential,
    ),
)
"""In the order of tables."""
