"""From the features of draws to scores with intervals, floors and tests."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from kantor import keyed
from kantor.data.images import ImageData, ImageSet
from kantor.evaluation.extractors.base import Features
from kantor.evaluation.feature_cache import cut
from kantor.evaluation.generation import pieces
from kantor.evaluation.picture_comparison import PictureScore, PictureSetting, Reference
from kantor.evaluation.picture_features import PictureFeatures
from kantor.evaluation.picture_tests import FirstDraw, PictureTest
from kantor.evaluation.real_pictures import RealPictures
from kantor.evaluation.score import Score
from kantor.evaluation.score_definition import DrawScores
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
        setting: decides which scores and tests there are.
        scores: those that are made.
        tests: likewise.
        seed: of the tests' permutations.
    """

    data: ImageData
    features: PictureFeatures
    real: RealPictures
    setting: PictureSetting
    scores: tuple[PictureScore, ...]
    tests: tuple[PictureTest, ...]
    seed: int

    def of(
        self,
        features_of: Callable[[int], Features],
        draws: int,
        processes: Processes,
        device: torch.device,
    ) -> dict[str, Score]:
        """The scores of each draw and of each floor, and the tests of the first draw, put together on every process."""
        data, real = self.data, self.real
        shown = processes.rank == 0
        target = self.real_features(data.train, real.reference, device=device, title="training pictures", shown=shown)
        reference, floors = Reference(target, self.setting), real.floors(draws)

        def piece(r: int) -> DrawScores:
            """Of draw r; from the last draw on, of the floors; and at last the tests."""
            if r == draws + floors:
                return self._tested(target, features_of(0), device) if self.tests else DrawScores({}, {})
            if r < draws:
                return DrawScores.of(self.scores, reference.compare(features_of(r)), with_spreads=draws < LEAST_DRAWS)
            held_out = self.real_features(data.test, real.floor(r - draws), device=device)
            return DrawScores.of(self.scores, reference.compare(held_out), with_spreads=floors < LEAST_DRAWS)

        *results, tested = pieces(piece, draws + floors + 1, processes)
        dimensions = target.features.shape[1]
        if min(real.n, real.n_reference) <= dimensions and "frechet_distance" in {score.name for score in self.scores}:
            say(
                f"frechet_distance: {real.n:,} pictures in {dimensions:,} dimensions have a singular covariance, and "
                "the score a large bias; kid has none"
            )
        over_draws = {
            score.name: score.over_draws(
                results[:draws],
                results[draws:],
                floor_n=real.n_floor,
                floor_kind="held-out pictures",
                barred=score.barred(real.n, real.n_reference, dimensions),
                floor_barred=score.barred(real.n_floor, real.n_reference, dimensions),
            )
            for score in self.scores
        }
        return over_draws | {test.name: test.over_draws([tested], [], floor_n=0, floor_kind="") for test in self.tests}

    def real_features(
        self, images: ImageSet, rows: np.ndarray, *, device: torch.device, title: str = "", shown: bool = False
    ) -> Features:
        """Of real pictures at int64 rows (n,), with their labels where generated ones are asked for by class."""
        of_pictures = self.features.of_real(images, rows, device=device, title=title, shown=shown)
        if self.setting.conditional is None:
            return of_pictures
        labels = images.labels_of(rows)
        assert labels is not None, "a conditional model's data have labels"
        return of_pictures._replace(labels=torch.from_numpy(labels))

    def _tested(self, target: Features, drawn: Features, device: torch.device) -> DrawScores:
        """What the tests say of the first draw."""
        real, memory = self.real, self.setting.memory

        def training() -> Features:
            assert memory is not None
            if memory <= real.n_reference:
                return cut(target, slice(0, memory))  # the reference comes first among them
            return self.features.of_real(self.data.train, real.memory(memory), device=device)

        first = FirstDraw(
            real=target,
            generated=drawn,
            training=training,
            held_out=lambda: self.features.of_real(self.data.test, real.floor(0), device=device),
            k=self.setting.k,
            rng=lambda purpose: keyed.generator(self.seed, purpose),
        )
        return DrawScores.of(self.tests, first, with_spreads=True)
