"""All scores of generated pictures against real ones, from features extracted once."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from torch import Tensor

from kantor.evaluation import shape_truth, spreads
from kantor.evaluation.base import Kind
from kantor.evaluation.extractors.base import Features
from kantor.evaluation.spreads import Spreads
from kantor.metrics import logits, neighbours
from kantor.metrics.divergences import jensen_shannon, total_variation
from kantor.metrics.frechet import frechet_distance_of_features, frechet_infinity
from kantor.metrics.kernel import Discrepancy, GaussianKernel, Within, cubic_kernel
from kantor.metrics.transport import wasserstein

BANDWIDTHS = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Of the Gaussian kernels, in median distances between two of the reference's features."""

FEATURE_KINDS = {
    "kid": Kind("lower"),
    "frechet_distance": Kind("lower"),
    "mmd": Kind("lower"),
    "precision": Kind("higher"),
    "recall": Kind("higher"),
    "density": Kind("target", 1.0),
    "coverage": Kind("higher"),
    "one_nn_accuracy": Kind("target", 0.5),
    "one_nn_real": Kind("target", 0.5),
    "one_nn_generated": Kind("target", 0.5),
}
CLASS_KINDS = {
    "inception_score": Kind("higher"),
    "mode_score": Kind("higher"),
    "tv": Kind("lower"),
    "js": Kind("lower"),
}
"""Of extractors that are classifiers."""
TRANSPORT_KINDS = {"w1": Kind("lower"), "w2": Kind("lower")}
INFINITY_KINDS = {"frechet_infinity": Kind("lower")}

NOT_FROM_ONE_DRAW = {
    "recall": "a left-out sample changes its neighbours' balls",
    "coverage": "a left-out sample uncovers balls, and biases it",
    "one_nn_accuracy": "a left-out sample changes others' neighbours",
    "one_nn_real": "a left-out sample changes others' neighbours",
    "one_nn_generated": "a left-out sample changes others' neighbours",
    "w1": "a left-out sample biases an optimal transport",
    "w2": "a left-out sample biases an optimal transport",
    "frechet_infinity": "a line through scores of nested parts has no error of its own",
}
"""Why these have no interval where draws are few."""


@dataclass(frozen=True, kw_only=True)
class ScoreSet:
    """Which scores are made of an extractor's features.

    Attributes:
        k: neighbours that span a ball.
        has_classes: the extractor is a classifier.
        has_sights: pictures come with what is seen in them.
        transport: exact Wasserstein distances between the sets of features: seconds for 1,000, hours for 50,000.
        infinity: how many sizes the Fréchet distance is extrapolated from, from a tenth of the draw to all of it; None
            for no such score.
    """

    k: int
    has_classes: bool
    has_sights: bool
    transport: bool
    infinity: int | None

    def kinds(self) -> dict[str, Kind]:
        """By name, in the order of tables."""
        return {
            **FEATURE_KINDS,
            **(INFINITY_KINDS if self.infinity is not None else {}),
            **(TRANSPORT_KINDS if self.transport else {}),
            **(CLASS_KINDS if self.has_classes else {}),
            **(shape_truth.KINDS if self.has_sights else {}),
        }

    def estimators(self, *, n_real: int, n_generated: int) -> dict[str, Any]:
        """How each is computed from so many pictures, by its name, for the protocol."""
        null = neighbours.expected_coverage(n_real, n_generated, k=self.k)
        line = {"sizes": self.infinity, "line": "least squares over 1/n"}
        found = {**_estimators(self.k, null), "frechet_infinity": line}
        return {name: found[name] for name in self.kinds()}


def _estimators(k: int, expected_coverage: float) -> dict[str, Any]:
    ball = {"k": k, "distance": "euclidean", "arithmetic": "float64"}
    unbiased = {"statistic": "unbiased, all pairs", "arithmetic": "float64"}
    nearest = {
        "sets": "of equal size, the first of the larger one",
        "distance": "euclidean",
        "left_out": "one",
        "ties": "half",
        "arithmetic": "float64",
    }
    transport = {"cost": "euclidean", "solver": "exact", "arithmetic": "float64"}
    histogram = {"histogram": "pictures by their most probable class"}
    classes = {"probabilities": "softmax of the logits", "splits": 1, "unit": "exp of nats", "arithmetic": "float64"}
    return {
        "kid": {"kernel": "(x·y/d + 1)^3", **unbiased},
        "frechet_distance": {"covariance": "divisor n - 1", "squared": True, "arithmetic": "float64"},
        "mmd": {
            "kernel": "mean of exp(-‖x - y‖²/2σ²)",
            "sigma": {"median distances between reference features": list(BANDWIDTHS)},
            "squared": True,
            **unbiased,
        },
        "precision": {**ball, "balls": "closed"},
        "recall": {**ball, "balls": "closed"},
        "density": {**ball, "balls": "open"},
        "coverage": {**ball, "balls": "closed", "of equal distributions": expected_coverage},
        "one_nn_accuracy": nearest,
        "one_nn_real": {**nearest, "of": "real features"},
        "one_nn_generated": {**nearest, "of": "generated features"},
        "w1": transport,
        "w2": transport,
        "inception_score": classes,
        "mode_score": {**classes, "against": "mean probabilities of the reference"},
        "tv": histogram,
        "js": {**histogram, "unit": "nats"},
        **shape_truth.estimators(),
    }


@dataclass(frozen=True, eq=False)
class Reference:
    """Features of real pictures, and what scores need of them alone, computed once and when it is needed first.

    Attributes:
        found: features float64 (n, d), and logits where the extractor has them.
        wanted: which scores.
    """

    found: Features
    wanted: ScoreSet

    @cached_property
    def gaussian(self) -> GaussianKernel:
        """The kernel of mmd: the reference's own, so that all who are compared with it are measured by the same."""
        return GaussianKernel.around_median(self.found.features, multiples=BANDWIDTHS)

    @cached_property
    def cubic_sums(self) -> Within:
        """Of kid."""
        return Within.of(self.found.features, cubic_kernel)

    @cached_property
    def gaussian_sums(self) -> Within:
        """Of mmd."""
        return Within.of(self.found.features, self.gaussian)

    @cached_property
    def nearest(self) -> Tensor:
        """From each feature to its 1st … k-th nearest, squared, (n, k)."""
        return neighbours.own_nearest(self.found.features, self.wanted.k)

    def compare(self, generated: Features) -> "Comparison":
        """With generated pictures."""
        return Comparison(self, generated)


@dataclass(frozen=True, eq=False)
class Comparison:
    """Generated pictures against a reference: what several scores share is computed once.

    Attributes:
        reference: the real ones.
        generated: features float64 (m, d), and logits where the extractor has them.
    """

    reference: Reference
    generated: Features

    @cached_property
    def _kid(self) -> Discrepancy:
        reference = self.reference
        return Discrepancy.of(
            reference.found.features, self.generated.features, cubic_kernel, within_real=reference.cubic_sums
        )

    @cached_property
    def _mmd(self) -> Discrepancy:
        reference = self.reference
        return Discrepancy.of(
            reference.found.features, self.generated.features, reference.gaussian, within_real=reference.gaussian_sums
        )

    @cached_property
    def _around(self) -> neighbours.Neighbours:
        reference = self.reference
        return neighbours.Neighbours.of(
            reference.found.features, self.generated.features, k=reference.wanted.k, within_real=reference.nearest
        )

    @cached_property
    def _even(self) -> neighbours.Neighbours:
        """Of as many real features as generated ones: of unequal numbers equal laws score other than one half."""
        real, generated, k = self.reference.found.features, self.generated.features, self.reference.wanted.k
        n = min(len(real), len(generated))
        if len(real) == len(generated):
            return self._around
        return neighbours.Neighbours.of(real[:n], generated[:n], k=k)

    def scores(self) -> dict[str, float]:
        """All scores, by name, in the order of `ScoreSet.kinds`."""
        real, generated, wanted = self.reference.found, self.generated, self.reference.wanted
        k, around = wanted.k, self._around
        of_real, of_generated = neighbours.one_nn_halves(self._even)
        found = {
            "kid": self._kid.mmd2,
            "frechet_distance": frechet_distance_of_features(real.features, generated.features),
            "mmd": self._mmd.mmd2,
            "precision": neighbours.precision(around, k=k),
            "recall": neighbours.recall(around, k=k),
            "density": neighbours.density(around, k=k),
            "coverage": neighbours.coverage(around, k=k),
            "one_nn_accuracy": neighbours.one_nn_accuracy(self._even),
            "one_nn_real": of_real,
            "one_nn_generated": of_generated,
        }
        if wanted.infinity is not None:
            found["frechet_infinity"] = _infinity(real.features, generated.features, wanted.infinity)
        if wanted.transport:
            points = real.features.cpu().numpy(), generated.features.cpu().numpy()
            found |= {"w1": wasserstein(*points, order=1), "w2": wasserstein(*points, order=2)}
        if real.logits is not None and generated.logits is not None:
            found |= {name: score(real.logits, generated.logits) for name, score in CLASS_SCORES.items()}
        if real.sights is not None and generated.sights is not None:
            found |= shape_truth.scores(real.sights, generated.sights)
        return found

    def spreads(self) -> Spreads:
        """How sure this one draw is of each of them."""
        real, generated, k, around = self.reference.found, self.generated, self.reference.wanted.k, self._around
        found: Spreads = {
            **{name: f"no interval from fewer than 10 draws: {why}" for name, why in NOT_FROM_ONE_DRAW.items()},
            "kid": spreads.of_discrepancy(self._kid),
            "frechet_distance": spreads.of_frechet_distance(real.features, generated.features),
            "mmd": spreads.of_discrepancy(self._mmd),
            "precision": spreads.of_balls((around.balls(k, closed=True) > 0).double(), share=True),
            "density": spreads.of_balls(around.balls(k, closed=False).double() / k, share=False),
        }
        if real.logits is not None and generated.logits is not None:
            for name, score in CLASS_SCORES.items():
                found[name] = spreads.of_groups(partial(score, real.logits), generated.logits)
        if real.sights is not None and generated.sights is not None:
            found |= shape_truth.spreads(real.sights, generated.sights)
        return {name: found[name] for name in self.reference.wanted.kinds()}


def least_of_infinity(n: int) -> int:
    """The smallest part of n generated features that is extrapolated from."""
    return max(n // 10, 2)


def _infinity(real: Tensor, generated: Tensor, count: int) -> float:
    """From the first tenth of the generated features to all of them."""
    n = len(generated)
    sizes = np.unique(np.linspace(least_of_infinity(n), n, count).astype(int)).tolist()
    return frechet_infinity(sizes, [frechet_distance_of_features(real, generated[:size]) for size in sizes])


def _class_tv(real: Tensor, generated: Tensor) -> float:
    return total_variation(logits.class_shares(real), logits.class_shares(generated))


def _class_js(real: Tensor, generated: Tensor) -> float:
    return jensen_shannon(logits.class_shares(real), logits.class_shares(generated))


CLASS_SCORES: dict[str, Callable[[Tensor, Tensor], float]] = {
    "inception_score": lambda real, generated: logits.inception_score(generated),
    "mode_score": logits.mode_score,
    "tv": _class_tv,
    "js": _class_js,
}
"""Of the logits of real and of generated pictures, (N, K) and (M, K)."""
