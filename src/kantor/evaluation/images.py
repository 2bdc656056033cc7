"""Scores of generated pictures against real ones, in the features of an extractor."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from kantor import keyed
from kantor.data import pixels
from kantor.data.images import ImageData, ImageSet
from kantor.data.module import BlockData
from kantor.errors import UserError, require_at_least, require_positive
from kantor.evaluation import image_scores
from kantor.evaluation.base import Evaluation, Kind
from kantor.evaluation.extractors.base import Extractor, Features
from kantor.evaluation.extractors.own import Own, chosen
from kantor.evaluation.generation import reproducible
from kantor.evaluation.image_scores import Reference
from kantor.evaluation.protocol import Protocol, Score
from kantor.metrics.intervals import t_interval, without_interval
from kantor.models.base import GenerativeModel
from kantor.processes import Processes
from kantor.say import say

REFERENCE_SEED = 0  # the reference is part of the protocol: everybody's is the same


@dataclass(frozen=True, kw_only=True)
class ImageEvaluation(Evaluation):
    """The `quick` evaluation: R fresh draws of n pictures against one reference of n training pictures.

    Floors are held-out pictures against the same reference: as many disjoint draws of n as there are, at most R. The
    best checkpoint is chosen against other training pictures than the reference. Where a data set is too small for
    that, draws and reference are smaller than n, and the protocol says so.

    Attributes:
        extractor: turns pictures into the features that are compared, or `Own`: each data set's own does.
        neighbours: k of precision, recall, density and coverage.
    """

    extractor: Extractor | Own
    neighbours: int

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(neighbours=self.neighbours)
        require_at_least(self.neighbours + 1, n=self.n)

    def kinds(self, data: BlockData) -> dict[str, Kind]:
        """The scores that pictures can have; those of classes, when the extractor is a classifier."""
        return image_scores.kinds(has_classes=chosen(self.extractor, _pictures(data)).has_classes)

    def protocol(self, data: BlockData) -> Protocol:
        """What is measured."""
        images, n = _pictures(data), self.size(data)
        extractor = chosen(self.extractor, images)
        return Protocol(
            data={"name": images.name, "fingerprint": images.fingerprint},
            split={
                "reference": "train",
                "reference_seed": REFERENCE_SEED,
                "floor": "test",
                "flips": "none",
                "codec": "none",
                "generated": "clipped and rounded to the nearest of 256 levels",
            },
            extractor=extractor.identity(),
            n_real=n,
            n_generated=n,
            estimators=image_scores.estimators(k=self.neighbours, has_classes=extractor.has_classes),
        )

    def size(self, data: BlockData) -> int:
        """Pictures in a draw: n, or as many as two disjoint references and one floor leave.

        Raises:
            UserError: that is too few for the neighbours asked for.
        """
        images = _pictures(data)
        n = min(self.n, len(images.train) // 2, len(images.test))
        if n <= self.neighbours:
            raise UserError(
                f"evaluation: data={images.name} has {len(images.train)} pictures to train on and {len(images.test)} "
                f"held out; neighbours={self.neighbours} needs at least {2 * self.neighbours + 2} and "
                f"{self.neighbours + 1}: take more data or fewer neighbours"
            )
        return n

    def finish(self, samples: Tensor) -> Tensor:
        """Pictures in [-1, 1] as uint8, so that scores see what files would hold."""
        return pixels.to_uint8(samples)

    def score_while_training(self, model: GenerativeModel, data: BlockData, processes: Processes) -> dict[str, float]:
        """One draw of its own for this generator step, against training pictures of its own, without interval and
        floor."""
        images, n = _pictures(data), self.size(data)
        with reproducible(self.threads):
            drawn = self.samples(model, n, "validate", model.generator_steps, processes=processes)
            found = self._reference(images, n, 1).scores(self.features(drawn, images)) if processes.rank == 0 else None
        return processes.gather(found)[0]

    def score(self, model: GenerativeModel, data: BlockData, processes: Processes) -> dict[str, Score]:
        """All scores with intervals over the draws, and floors.

        Draw r is scored by rank r mod world, and results are folded in the order of draws.
        """
        n = self.size(data)
        if n < self.n and processes.rank == 0:
            say(f"data={data.name} is too small for draws of {self.n:,} pictures: scoring draws of {n:,}")
        with reproducible(self.threads):
            drawn = self.samples(model, n * self.draws, "evaluate", processes=processes)
            return self._score_draws(np.split(drawn, self.draws), _pictures(data), n, processes)

    def score_draws(self, draws: list[np.ndarray], data: BlockData, processes: Processes) -> dict[str, Score]:
        """Scores of given pictures, each draw uint8 (n, C, H, W); cut where the data set is too small for n.

        Raises:
            UserError: they are no such pictures.
        """
        images, n = _pictures(data), self.size(data)
        for draw in draws:
            if draw.dtype != np.uint8 or draw.shape[1:] != images.sample_shape:
                raise UserError(
                    f"images: the samples are {draw.dtype} of shape {draw.shape[1:]}, data={images.name} has uint8 of "
                    f"shape {images.sample_shape} (channels, height, width): give pictures of that size"
                )
        with reproducible(self.threads):
            return self._score_draws([draw[:n] for draw in draws], images, n, processes)

    def features(self, images: np.ndarray, data: ImageData) -> Features:
        """Features and logits of uint8 images (n, C, H, W), extracted in chunks."""
        extractor = chosen(self.extractor, data)
        found = [
            extractor(torch.from_numpy(images[start : start + self.chunk]))
            for start in range(0, len(images), self.chunk)
        ]
        logits = [part.logits for part in found if part.logits is not None]
        return Features(torch.cat([part.features for part in found]), torch.cat(logits) if logits else None)

    def _score_draws(self, draws: list[np.ndarray], data: ImageData, n: int, processes: Processes) -> dict[str, Score]:
        reference = self._reference(data, n, 0)
        order = _order(len(data.test), self.seed, "floor")
        floors = min(len(data.test) // n, len(draws))

        def scores_of(r: int) -> dict[str, float]:
            """Of draw r; from the last draw on, of the floors."""
            if r < len(draws):
                return reference.scores(self.features(draws[r], data))
            return reference.scores(self._features_of(data.test, order[(r - len(draws)) * n :][:n], data))

        results = _in_order(scores_of, len(draws) + floors, processes)
        dimensions = reference.found.features.shape[1]
        if n <= dimensions and processes.rank == 0:
            say(
                f"frechet_distance: {n:,} pictures in {dimensions:,} dimensions have a singular covariance, and the "
                "score a large bias; kid has none"
            )

        def score(name: str, kind: Kind) -> Score:
            singular = name == "frechet_distance" and n <= dimensions
            interval = without_interval if singular else t_interval
            return Score(
                estimate=interval([found[name] for found in results[: len(draws)]]),
                covers="draws",
                better=kind.better,
                floor=interval([found[name] for found in results[len(draws) :]]),
                floor_n=n,
                floor_draws=floors,
                target=kind.target,
                reason=f"no interval where n = {n} is not above the {dimensions} dimensions" if singular else None,
            )

        return {name: score(name, kind) for name, kind in self.kinds(data).items()}

    def _reference(self, data: ImageData, n: int, number: int) -> Reference:
        """Number 0 is the card's, 1 the one that checkpoints are chosen by; they are disjoint."""
        rows = _order(len(data.train), REFERENCE_SEED, "reference")[number * n :][:n]
        return Reference(self._features_of(data.train, rows, data), self.neighbours)

    def _features_of(self, images: ImageSet, rows: np.ndarray, data: ImageData) -> Features:
        return self.features(images.take(rows).numpy(), data)


def _order(n: int, seed: int, purpose: str) -> np.ndarray:
    """A permutation of 0 … n-1."""
    return np.random.Generator(np.random.Philox(key=keyed.seed(seed, purpose))).permutation(n)


def _in_order(scores_of: Callable[[int], dict[str, float]], count: int, processes: Processes) -> list[dict[str, float]]:
    """Pieces 0 … count-1, each by its own process, on every process."""
    own = {r: scores_of(r) for r in processes.mine(count)}
    found = {r: scores for part in processes.gather(own) for r, scores in part.items()}
    return [found[r] for r in range(count)]


def _pictures(data: BlockData) -> ImageData:
    return ImageData.require(data, purpose="evaluation: this one scores", remedy="evaluation=toy")
