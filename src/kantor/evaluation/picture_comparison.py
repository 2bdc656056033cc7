"""Generated pictures against real ones, by features extracted once: what scores of pictures are computed from."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from kantor.evaluation.extractors.base import Features
from kantor.evaluation.score_definition import ScoreDefinition
from kantor.metrics import neighbours
from kantor.metrics.kernel import Discrepancy, GaussianKernel, Within, cubic_kernel

BANDWIDTHS = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Of the Gaussian kernels, in median distances between two of the reference's features."""


@dataclass(frozen=True, kw_only=True)
class PictureSetting:
    """What decides which scores pictures have, and how they are computed.

    Attributes:
        n_real: pictures in the reference.
        n_generated: pictures in a draw.
        k: neighbours that span a ball.
        classes: of how many classes the extractor is a classifier; None of none.
        conditional: how many classes pictures are asked for by; None where they are not.
        has_detections: shapes are detected in the pictures.
        transport: exact Wasserstein distances between the sets of features: seconds for 1,000, hours for 50,000.
        infinity: how many sizes the Fréchet distance is extrapolated from, from a tenth of the draw to all of it; None
            for no such score.
        memory: training pictures that samples may repeat; None for no such test.
    """

    n_real: int
    n_generated: int
    k: int
    classes: int | None
    conditional: int | None
    has_detections: bool
    transport: bool
    infinity: int | None
    memory: int | None


@dataclass(frozen=True, eq=False)
class Reference:
    """Features of real pictures, and what scores need of them alone, computed once and when it is needed first.

    Attributes:
        real: features float64 (n, d), and what else the extractor gives.
        setting: of the scores.
    """

    real: Features
    setting: PictureSetting

    @cached_property
    def gaussian(self) -> GaussianKernel:
        """The kernel of mmd: the reference's own, so that all who are compared with it are measured by the same."""
        return GaussianKernel.around_median(self.real.features, multiples=BANDWIDTHS)

    @cached_property
    def cubic_sums(self) -> Within:
        """Of kid."""
        return Within.of(self.real.features, cubic_kernel)

    @cached_property
    def gaussian_sums(self) -> Within:
        """Of mmd."""
        return Within.of(self.real.features, self.gaussian)

    @cached_property
    def nearest(self) -> Tensor:
        """From each feature to its 1st … k-th nearest, squared, (n, k)."""
        return neighbours.own_nearest(self.real.features, self.setting.k)

    def compare(self, generated: Features) -> "PictureComparison":
        """With generated pictures."""
        return PictureComparison(self, generated)


@dataclass(frozen=True, eq=False)
class PictureComparison:
    """Generated pictures against a reference: what several scores share is computed once.

    Attributes:
        reference: the real ones.
        generated: features float64 (m, d), and what else the extractor gives.
    """

    reference: Reference
    generated: Features

    @property
    def setting(self) -> PictureSetting:
        """The reference's."""
        return self.reference.setting

    @property
    def features(self) -> tuple[Tensor, Tensor]:
        """Of real and of generated pictures, float64 (n, d) and (m, d)."""
        return self.reference.real.features, self.generated.features

    @property
    def logits(self) -> tuple[Tensor, Tensor]:
        """Of real and of generated pictures, float64 (n, K) and (m, K)."""
        real, generated = self.reference.real.logits, self.generated.logits
        assert real is not None and generated is not None
        return real, generated

    @property
    def labels(self) -> tuple[Tensor, Tensor]:
        """The classes of real pictures, and those that generated ones were asked to show, int64 (n,) and (m,)."""
        real, generated = self.reference.real.labels, self.generated.labels
        assert real is not None and generated is not None
        return real, generated

    @property
    def detections(self) -> tuple[Tensor, Tensor]:
        """In real and in generated pictures, float64 (n, S) and (m, S), see `shape_detection`."""
        real, generated = self.reference.real.detections, self.generated.detections
        assert real is not None and generated is not None
        return real, generated

    @cached_property
    def cubic(self) -> Discrepancy:
        """MMD² of the cubic kernel."""
        return Discrepancy.of(*self.features, cubic_kernel, within_real=self.reference.cubic_sums)

    @cached_property
    def gaussian(self) -> Discrepancy:
        """MMD² of Gaussian kernels."""
        return Discrepancy.of(*self.features, self.reference.gaussian, within_real=self.reference.gaussian_sums)

    @cached_property
    def neighbourhood(self) -> neighbours.Neighbours:
        """Of all features."""
        return neighbours.Neighbours.of(*self.features, k=self.setting.k, within_real=self.reference.nearest)

    @cached_property
    def even_neighbourhood(self) -> neighbours.Neighbours:
        """Of as many real features as generated ones: of unequal numbers equal laws score other than one half."""
        real, generated = self.features
        n = min(len(real), len(generated))
        if len(real) == len(generated):
            return self.neighbourhood
        return neighbours.Neighbours.of(real[:n], generated[:n], k=self.setting.k)

    @cached_property
    def one_nn_halves(self) -> tuple[float, float]:
        """The share of real and of generated features whose nearest other feature is of their own set."""
        return neighbours.one_nn_halves(self.even_neighbourhood)


@dataclass(frozen=True, kw_only=True)
class PictureScore(ScoreDefinition[PictureSetting, PictureComparison]):
    """A score of pictures.

    Attributes:
        smallest_set: of a score that takes covariances: how many of n features the smallest set has that it takes one
            of. It has no interval where these are not more than the dimensions.
    """

    smallest_set: Callable[[int], int] | None = None

    def barred(self, n: int, n_real: int, dimensions: int) -> str | None:
        """Why there can be no interval for n features against n_real; None where there can."""
        if self.smallest_set is None:
            return None
        least = min(self.smallest_set(n), n_real)
        return None if least > dimensions else f"no interval where n = {least} is not above the {dimensions} dimensions"
