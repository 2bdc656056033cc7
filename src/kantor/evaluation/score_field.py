"""The score field that a model has learned, against the true one: how far ∇log p_σ is off, by noise and by region.

p_σ is the law of y = x + σ·z, the data with noise as they are in the plane; a denoiser's score there is (D - y)/σ². Its
error is σ²·E‖s - s*‖²/d: the loss of denoising score matching minus what nobody can do better (Song & Ermon 2019,
arXiv:1907.05600, equation 5), 0 for the true score, in no units. Training sees places that the data with their noise
visit; between modes, and far from all of them, a chain of Langevin passes where nothing was learned (section 3.2.1).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from kantor import global_generators, keyed
from kantor.data.points import HasClasses, PointDistribution, Points
from kantor.data.strata import Labels, drawn
from kantor.evaluation.score import NO_DRAWS, NOT_NEGATIVE, Kind, Value, Words
from kantor.evaluation.score_definition import ScoreDefinition
from kantor.models.base import GenerativeModel, evaluating
from kantor.models.protocols import HasDenoiser
from kantor.noising.denoiser import Denoiser
from kantor.noising.exact import Exact, exact_denoiser, exact_told
from kantor.noising.levels import Levels
from kantor.noising.path import at_ratio

LOW, MIDDLE, HIGH = 0.1, 0.5, 2.5
"""σ, in units of the data: as wide as a mode, as far as to the next one, and wider than all of the data."""

UNLIKELY = 0.01
"""Places are between where p_σ is below this quantile of its own values at the data with their noise."""

SURROUNDINGS = 4096
"""Points that say where the data are, and how unlikely a place is."""

TRIES = 64
"""Places looked at for each that is wanted between, at most."""


class Surroundings(NamedTuple):
    """Where the data lie with some noise.

    Attributes:
        centre: their mean, (2,).
        radius: that of the circle around it which holds all that were looked at.
        unlikely: the log density of p_σ below which a place is none of theirs.
    """

    centre: np.ndarray
    radius: float
    unlikely: float

    @classmethod
    def of(cls, truth: PointDistribution, exact: Exact, sigma: float) -> "Surroundings":
        """The same for everybody."""
        rng = keyed.generator(0, "surroundings")
        points = truth.sample(SURROUNDINGS, rng, stratified=True)
        noisy = points + sigma * rng.standard_normal(points.shape)
        centre = noisy.mean(0)
        likely = exact.log_density(torch.from_numpy(noisy), level(sigma)).numpy()
        return cls(centre, float(np.linalg.norm(noisy - centre, axis=1).max()), float(np.quantile(likely, UNLIKELY)))


def level(sigma: float) -> Levels:
    """That of the data with noise as they are in the plane."""
    return Levels(torch.ones((), dtype=torch.float64), torch.tensor(sigma, dtype=torch.float64))


Found = tuple[Points, Labels | None]
"""Places, and the class of each where it is known."""


def near(truth: PointDistribution, exact: Exact, sigma: float, n: int, rng: np.random.Generator) -> Found:
    """Of the law of the data with their noise, each with its class: where training looks."""
    points, labels = truth.labelled(n, rng) if isinstance(truth, HasClasses) else (truth.sample(n, rng), None)
    return points + sigma * rng.standard_normal(points.shape), labels


def between(truth: PointDistribution, exact: Exact, sigma: float, n: int, rng: np.random.Generator) -> Found:
    """Evenly in the circle that the data fill, where p_σ is small; fewer than n, even none, where it hardly is."""
    around = Surroundings.of(truth, exact, sigma)
    found = np.empty((0, 2))
    for _ in range(TRIES):
        places = in_ring(around.centre, 0.0, around.radius, n, rng)
        unlikely = exact.log_density(torch.from_numpy(places), level(sigma)).numpy() < around.unlikely
        found = np.concatenate([found, places[unlikely]])
        if len(found) >= n:
            break
    return found[:n], None


def far(truth: PointDistribution, exact: Exact, sigma: float, n: int, rng: np.random.Generator) -> Found:
    """Evenly around that circle, up to twice its radius."""
    around = Surroundings.of(truth, exact, sigma)
    return in_ring(around.centre, around.radius, 2 * around.radius, n, rng), None


def in_ring(centre: np.ndarray, inner: float, outer: float, n: int, rng: np.random.Generator) -> Points:
    """Evenly between two circles, (n, 2)."""
    radius = np.sqrt(rng.uniform(inner**2, outer**2, n))
    angle = rng.uniform(0, 2 * np.pi, n)
    return centre + radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)


Places = Callable[[PointDistribution, Exact, float, int, np.random.Generator], Found]


@dataclass(frozen=True)
class FieldSetting:
    """What decides whether there are such scores.

    Attributes:
        truth: the law of the data.
        told: whether the model is told the class, whose score it then is.
    """

    truth: PointDistribution
    told: bool

    @property
    def known(self) -> bool:
        """Whether the true score is."""
        return self.exact(torch.empty(0, dtype=torch.int64)) is not None

    def exact(self, labels: Tensor) -> Exact | None:
        """The denoiser that knows the truth, and of a model that is told them the labels (B,)."""
        return exact_told(self.truth, labels) if self.told else exact_denoiser(self.truth)


@dataclass(frozen=True, eq=False)
class FieldComparison:
    """A model's score against the true one, at places that one draw has its own of.

    Attributes:
        setting: of the scores.
        model: whose.
        weights: of it.
        n: places.
        key: of these places.
        chunk: places that the network sees at once.
    """

    setting: FieldSetting
    model: GenerativeModel
    weights: str
    n: int
    key: int
    chunk: int

    def error(self, name: str, sigma: float, places: Places) -> Value:
        """σ²·E‖s - s*‖²/d, or why there is none."""
        assert isinstance(self.model, HasDenoiser)
        at = at_ratio(self.model.path, sigma)
        if at is None:
            return f"the model's path has no noise of {sigma} in units of the data"
        rng = keyed.generator(self.key, name)
        everywhere = exact_denoiser(self.setting.truth)
        assert everywhere is not None
        found, classes = places(self.setting.truth, everywhere, sigma, self.n, rng)
        y = torch.from_numpy(found)
        if len(y) < self.n:
            return f"with noise of {sigma} there is hardly a place between that the data do not visit"
        labels = torch.from_numpy(self.labels(rng) if classes is None else classes)
        exact = self.setting.exact(labels)
        assert exact is not None
        apart = self.denoised(y, labels, at) - exact(y, level(sigma))
        return float(apart.square().mean()) / sigma**2

    def labels(self, rng: np.random.Generator) -> Labels:
        """Classes as often as they are, (n,); of an unconditional model nobody looks at them."""
        truth = self.setting.truth
        shares = truth.class_shares() if isinstance(truth, HasClasses) else np.ones(1)
        return drawn(shares, self.n, rng, numbers=0, stratified=False)[0]

    def denoised(self, y: Tensor, labels: Tensor, at: Levels) -> Tensor:
        """The model's D at places y (n, 2), float64."""
        assert isinstance(self.model, HasDenoiser)
        networks, device = self.model.weights(self.weights), self.model.device
        parts = []
        layers = keyed.Rng(self.key, device=device).layers
        with torch.no_grad(), evaluating(networks), global_generators.keyed(layers, device):
            for some, which in zip(y.split(self.chunk), labels.split(self.chunk), strict=True):
                told = which.to(device) if self.setting.told else None
                denoiser: Denoiser = self.model.denoiser_of(networks, told)
                parts.append(denoiser((at.alpha * some).float().to(device), at).cpu().double())
        return torch.cat(parts)


@dataclass(frozen=True, kw_only=True)
class FieldScore(ScoreDefinition[FieldSetting, FieldComparison]):
    """An error of the score."""


def _score(name: str, sigma: float, places: Places, where: str, *, suspicious: str) -> FieldScore:
    def estimator(setting: FieldSetting) -> dict[str, Any]:
        said = {"noise": sigma, "places": places.__name__, "error": "noise² · ‖s - s*‖² / 2"}
        return {**said, "unlikely": UNLIKELY, **({"given": "the class"} if setting.told else {})}

    return FieldScore(
        name=name,
        kind=Kind("lower", depends_on_n=False, bounds=NOT_NEGATIVE),
        words=Words(
            meaning=f"squared error of the score {where}, times the variance of the noise",
            good="near 0, which the true score has",
            suspicious=suspicious,
        ),
        function=FieldComparison.error,
        source="Song & Ermon 2019, arXiv:1907.05600, equation 5 and section 3.2.1",
        estimator=estimator,
        compute=lambda comparison: comparison.error(name, sigma, places),
        spread=NO_DRAWS,
        applies=lambda setting: setting.known,
    )


FIELD_SCORES: Sequence[FieldScore] = (
    _score(
        "score_error_near",
        LOW,
        near,
        f"at the data with noise of {LOW}",
        suspicious="not far below 1: the model knows no more of the data than that there is noise",
    ),
    _score(
        "score_error_between",
        LOW,
        between,
        f"between the data, with noise of {LOW}",
        suspicious="far above score_error_near, which is usual: nothing was seen there, and Langevin at this noise "
        "goes astray between modes",
    ),
    _score(
        "score_error_far",
        LOW,
        far,
        f"far from the data, with noise of {LOW}",
        suspicious="far above score_error_between: begin a chain of Langevin nearer to the data",
    ),
    _score(
        "score_error_middle",
        MIDDLE,
        near,
        f"at the data with noise of {MIDDLE}",
        suspicious="far above score_error_near and score_error_high: training looks at other levels",
    ),
    _score(
        "score_error_high",
        HIGH,
        near,
        f"at the data with noise of {HIGH}",
        suspicious="far above 0: samples begin in the wrong place",
    ),
)
"""In the order of tables."""
