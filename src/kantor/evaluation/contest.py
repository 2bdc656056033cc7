"""From the features of draws to scores with intervals, floors and tests."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from kantor import keyed
from kantor.data.images import ImageData
from kantor.evaluation.base import Kind
from kantor.evaluation.extractors.base import Features
from kantor.evaluation.feature_cache import cut
from kantor.evaluation.generation import pieces
from kantor.evaluation.image_scores import Reference, ScoreSet, least_of_infinity
from kantor.evaluation.picture_features import PictureFeatures
from kantor.evaluation.picture_tests import PictureTests, as_score
from kantor.evaluation.protocol import Score
from kantor.evaluation.real_pictures import RealPictures
from kantor.evaluation.spreads import Spreads, estimated
from kantor.messages import say
from kantor.metrics.intervals import LEAST_DRAWS
from kantor.processes import Processes


@dataclass(frozen=True, kw_only=True)
class Contest:
    """Draws of pictures against a data set.

    Attributes:
        data: the real pictures.
        features: how features are made.
        real: which real pictures take part.
        wanted: the scores.
        tests: of the first draw.
        seed: of the tests' permutations.
    """

    data: ImageData
    features: PictureFeatures
    real: RealPictures
    wanted: ScoreSet
    tests: PictureTests
    seed: int

    def of(
        self,
        features_of: Callable[[int], Features],
        draws: int,
        processes: Processes,
        device: torch.device,
    ) -> dict[str, Score]:
        """The scores of each draw and of each floor, and the tests of the first draw, put together on every process."""
        data, features, real = self.data, self.features, self.real
        shown = processes.rank == 0
        target = features.of_real(data.train, real.reference, device=device, title="training pictures", shown=shown)
        reference, floors = Reference(target, self.wanted), real.floors(draws)

        def found(r: int) -> tuple[dict[str, float], Spreads]:
            """Of draw r; from the last draw on, of the floors; and at last the tests."""
            if r == draws + floors:
                return self._tested(target, features_of(0), device), {}
            if r < draws:
                comparison = reference.compare(features_of(r))
                return comparison.scores(), comparison.spreads() if draws < LEAST_DRAWS else {}
            held_out = features.of_real(data.test, real.floor(r - draws), device=device)
            return reference.compare(held_out).scores(), {}

        *results, (tested, _) = pieces(found, draws + floors + 1, processes)
        dimensions = target.features.shape[1]
        if min(real.n, real.n_reference) <= dimensions and shown:
            say(
                f"frechet_distance: {real.n:,} pictures in {dimensions:,} dimensions have a singular covariance, and "
                "the score a large bias; kid has none"
            )
        return {
            **{
                name: self._score(name, kind, results[:draws], results[draws:], dimensions)
                for name, kind in self.wanted.kinds().items()
            },
            **{name: as_score(tested[name], kind) for name, kind in self.tests.kinds().items()},
        }

    def _tested(self, target: Features, drawn: Features, device: torch.device) -> dict[str, float]:
        """What the tests say of the first draw."""
        real, memory, training = self.real, self.tests.memory, None
        if memory is not None and memory <= real.n_reference:
            training = cut(target, slice(0, memory))  # the reference comes first among them
        elif memory is not None:
            training = self.features.of_real(self.data.train, real.memory(memory), device=device)
        held_out = self.features.of_real(self.data.test, real.floor(0), device=device)
        rng = keyed.generator(self.seed, "permutations")
        return self.tests(target, drawn, training=training, held_out=held_out, rng=rng)

    def _score(
        self,
        name: str,
        kind: Kind,
        draws: list[tuple[dict[str, float], Spreads]],
        floors: list[tuple[dict[str, float], Spreads]],
        dimensions: int,
    ) -> Score:
        def singular(size: int) -> str | None:
            sizes = {"frechet_distance": size, "frechet_infinity": least_of_infinity(size)}
            least = min(sizes.get(name, size), self.real.n_reference)
            if name not in sizes or least > dimensions:
                return None
            return f"no interval where n = {least} is not above the {dimensions} dimensions"

        estimate, reason = estimated(
            [scores[name] for scores, _ in draws], [spreads.get(name) for _, spreads in draws], singular(self.real.n)
        )
        floor, floor_reason = estimated([scores[name] for scores, _ in floors], [], singular(self.real.n_floor))
        return Score(
            estimate=estimate,
            covers="draws",
            better=kind.better,
            floor=floor,
            floor_n=self.real.n_floor,
            floor_draws=len(floors),
            target=kind.target,
            reason=reason,
            floor_reason=floor_reason,
        )
