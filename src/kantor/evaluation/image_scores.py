"""All scores of generated pictures against real ones, from features extracted once."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from torch import Tensor

from kantor.evaluation.base import Kind
from kantor.evaluation.extractors.base import Features
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


def kinds(*, has_classes: bool) -> dict[str, Kind]:
    """The scores that an extractor's features can have, in the order of tables."""
    return {**FEATURE_KINDS, **(CLASS_KINDS if has_classes else {})}


def estimators(*, k: int, has_classes: bool) -> dict[str, Any]:
    """How each score is computed, by its name, for the protocol."""
    ball = {"k": k, "distance": "euclidean", "arithmetic": "float64"}
    unbiased = {"statistic": "unbiased, all pairs", "arithmetic": "float64"}
    classes = {"probabilities": "softmax of the logits", "splits": 1, "unit": "exp of nats", "arithmetic": "float64"}
    found: dict[str, Any] = {
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
    }
    return {name: found[name] for name in kinds(has_classes=has_classes)}


@dataclass(frozen=True, eq=False)
class Reference:
    """Features of real pictures, and what scores need of them alone, computed once and when it is needed first.

    Attributes:
        found: features float64 (n, d), and logits where the extractor has them.
        k: neighbours that span a ball.
    """

    found: Features
    k: int

    @cached_property
    def gaussian(self) -> GaussianKernel:
        """The kernel of mmd: the reference's own, so that all who are compared with it are measured by the same."""
        return GaussianKernel.around_median(self.found.features, multiples=BANDWIDTHS)

    @cached_property
    def _cubic_sums(self) -> Within:
        return Within.of(self.found.features, cubic_kernel)

    @cached_property
    def _gaussian_sums(self) -> Within:
        return Within.of(self.found.features, self.gaussian)

    @cached_property
    def _nearest(self) -> Tensor:
        return neighbours.own_nearest(self.found.features, self.k)

    def scores(self, generated: Features) -> dict[str, float]:
        """All scores of generated pictures, by name."""
        x, y = self.found.features, generated.features
        around = neighbours.Neighbours.of(x, y, k=self.k, within_real=self._nearest)
        scores = {
            "kid": Discrepancy.of(x, y, cubic_kernel, within_real=self._cubic_sums).mmd2,
            "frechet_distance": frechet_distance_of_features(x, y),
            "mmd": Discrepancy.of(x, y, self.gaussian, within_real=self._gaussian_sums).mmd2,
            "precision": neighbours.precision(around, k=self.k),
            "recall": neighbours.recall(around, k=self.k),
            "density": neighbours.density(around, k=self.k),
            "coverage": neighbours.coverage(around, k=self.k),
            "one_nn_accuracy": neighbours.one_nn_accuracy(around),
        }
        if self.found.logits is not None and generated.logits is not None:
            scores["inception_score"] = logits.inception_score(generated.logits)
            scores["mode_score"] = logits.mode_score(self.found.logits, generated.logits)
        return scores
