"""All scores of generated pictures against real ones, from features extracted once."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from torch import Tensor

from kantor.evaluation import shape_truth, spreads
from kantor.evaluation.base import Kind
from kantor.evaluation.extractors.base import Features
from kantor.evaluation.spreads import Spreads
from kantor.metrics import logits, neighbours
from kantor.metrics.frechet import frechet_distance_of_features
from kantor.metrics.kernel import Discrepancy, GaussianKernel, Within, cubic_kernel

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
}
CLASS_KINDS = {"inception_score": Kind("higher"), "mode_score": Kind("higher")}
"""Of extractors that are classifiers."""


@dataclass(frozen=True, kw_only=True)
class ScoreSet:
    """Which scores are made of an extractor's features.

    Attributes:
        k: neighbours that span a ball.
        has_classes: the extractor is a classifier.
        has_sights: pictures come with what is seen in them.
    """

    k: int
    has_classes: bool
    has_sights: bool

    def kinds(self) -> dict[str, Kind]:
        """By name, in the order of tables."""
        return {
            **FEATURE_KINDS,
            **(CLASS_KINDS if self.has_classes else {}),
            **(shape_truth.KINDS if self.has_sights else {}),
        }

    def estimators(self) -> dict[str, Any]:
        """How each is computed, by its name, for the protocol."""
        found = _estimators(self.k)
        return {name: found[name] for name in self.kinds()}


def _estimators(k: int) -> dict[str, Any]:
    ball = {"k": k, "distance": "euclidean", "arithmetic": "float64"}
    unbiased = {"statistic": "unbiased, all pairs", "arithmetic": "float64"}
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
        "coverage": {**ball, "balls": "closed", "of equal distributions": 1 - 2.0**-k},
        "one_nn_accuracy": {"distance": "euclidean", "left_out": "one", "ties": "half", "arithmetic": "float64"},
        "inception_score": classes,
        "mode_score": {**classes, "against": "mean probabilities of the reference"},
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

    def scores(self) -> dict[str, float]:
        """All scores, by name."""
        real, k, around = self.reference.found, self.reference.wanted.k, self._around
        scores = {
            "kid": self._kid.mmd2,
            "frechet_distance": frechet_distance_of_features(real.features, self.generated.features),
            "mmd": self._mmd.mmd2,
            "precision": neighbours.precision(around, k=k),
            "recall": neighbours.recall(around, k=k),
            "density": neighbours.density(around, k=k),
            "coverage": neighbours.coverage(around, k=k),
            "one_nn_accuracy": neighbours.one_nn_accuracy(around),
        }
        if real.logits is not None and self.generated.logits is not None:
            scores["inception_score"] = logits.inception_score(self.generated.logits)
            scores["mode_score"] = logits.mode_score(real.logits, self.generated.logits)
        if real.sights is not None and self.generated.sights is not None:
            scores.update(shape_truth.scores(real.sights, self.generated.sights))
        return scores

    def spreads(self) -> Spreads:
        """How sure this one draw is of each of them."""
        real, generated, k, around = self.reference.found, self.generated, self.reference.wanted.k, self._around
        found: Spreads = {
            "kid": spreads.of_discrepancy(self._kid),
            "frechet_distance": spreads.of_frechet_distance(real.features, generated.features),
            "mmd": spreads.of_discrepancy(self._mmd),
            "precision": spreads.of_balls((around.balls(k, closed=True) > 0).double(), share=True),
            "recall": "no interval from fewer than 10 draws: a left-out sample changes its neighbours' balls",
            "density": spreads.of_balls(around.balls(k, closed=False).double() / k, share=False),
            "coverage": "no interval from fewer than 10 draws: a left-out sample uncovers balls, and biases it",
            "one_nn_accuracy": "no interval from fewer than 10 draws: a left-out sample changes others' neighbours",
        }
        if real.logits is not None and generated.logits is not None:
            target = real.logits
            found["inception_score"] = spreads.of_groups(logits.inception_score, generated.logits)
            found["mode_score"] = spreads.of_groups(lambda part: logits.mode_score(target, part), generated.logits)
        if real.sights is not None and generated.sights is not None:
            found.update(shape_truth.spreads(real.sights, generated.sights))
        return found
