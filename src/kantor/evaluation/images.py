"""Scores of generated pictures against real ones, in the features of an extractor."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kantor import keyed
from kantor.data import pixels
from kantor.data.images import ImageData, ImageSet
from kantor.data.module import BlockData
from kantor.errors import UserError, require_at_least, require_positive
from kantor.evaluation.base import Evaluation, Kind
from kantor.evaluation.extractors import Extractor
from kantor.evaluation.generation import reproducible
from kantor.evaluation.protocol import Protocol, Score
from kantor.metrics import neighbours
from kantor.metrics.intervals import t_interval
from kantor.metrics.kernel import kid
from kantor.models.base import GenerativeModel
from kantor.processes import Processes
from kantor.say import say

REFERENCE_SEED = 0  # the reference is part of the protocol: everybody's is the same

KINDS = {
    "kid": Kind("lower"),
    "precision": Kind("higher"),
    "recall": Kind("higher"),
    "density": Kind("target", 1.0),
    "coverage": Kind("higher"),
    "one_nn_accuracy": Kind("target", 0.5),
}


@dataclass(frozen=True)
class ImageScores:
    """All scores of one draw against one reference, from features computed once.

    Attributes:
        reference: features of real pictures, float64 (n, d).
        k: neighbours that span a ball.
    """

    reference: Tensor
    k: int

    def __call__(self, generated: Tensor) -> dict[str, float]:
        """The scores, by name, of features float64 (n, d)."""
        distances = neighbours.Distances.of(self.reference, generated)
        return {
            "kid": kid(self.reference, generated),
            "precision": neighbours.precision(distances, k=self.k),
            "recall": neighbours.recall(distances, k=self.k),
            "density": neighbours.density(distances, k=self.k),
            "coverage": neighbours.coverage(distances, k=self.k),
            "one_nn_accuracy": neighbours.one_nn_accuracy(distances),
        }


@dataclass(frozen=True, kw_only=True)
class ImageEvaluation(Evaluation):
    """The `quick` evaluation: R fresh draws of n pictures against one reference of n training pictures.

    Floors are held-out pictures against the same reference: as many disjoint draws of n as there are, at most R. The
    best checkpoint is chosen against other training pictures than the reference. Where a data set is too small for
    that, draws and reference are smaller than n, and the protocol says so.

    Attributes:
        extractor: turns pictures into the features that are compared.
        neighbours: k of precision, recall, density and coverage.
    """

    extractor: Extractor
    neighbours: int

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(neighbours=self.neighbours)
        require_at_least(self.neighbours + 1, n=self.n)

    def kinds(self, data: BlockData) -> dict[str, Kind]:
        """The scores that pictures can have."""
        _pictures(data)
        return KINDS

    def protocol(self, data: BlockData) -> Protocol:
        """What is measured."""
        images, n = _pictures(data), self.size(data)
        ball = {"k": self.neighbours, "distance": "euclidean", "arithmetic": "float64"}
        kernel = {"kernel": "(x·y/d + 1)^3", "statistic": "unbiased, all pairs", "arithmetic": "float64"}
        estimators: dict[str, Any] = {
            "kid": kernel,
            "precision": {**ball, "balls": "closed"},
            "recall": {**ball, "balls": "closed"},
            "density": {**ball, "balls": "open"},
            "coverage": {**ball, "balls": "closed"},
            "one_nn_accuracy": {"distance": "euclidean", "left_out": "one", "ties": "half", "arithmetic": "float64"},
        }
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
            extractor=self.extractor.identity(),
            n_real=n,
            n_generated=n,
            estimators=estimators,
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
            found = self._scorer(images, n, 1)(self.features(drawn)) if processes.rank == 0 else None
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

    def features(self, images: np.ndarray) -> Tensor:
        """Features float64 (n, d) of uint8 images (n, C, H, W), extracted in chunks."""
        pieces = [images[start : start + self.chunk] for start in range(0, len(images), self.chunk)]
        return torch.cat([self.extractor(torch.from_numpy(piece)).features for piece in pieces])

    def _score_draws(self, draws: list[np.ndarray], data: ImageData, n: int, processes: Processes) -> dict[str, Score]:
        scorer = self._scorer(data, n, 0)
        order = _order(len(data.test), self.seed, "floor")
        floors = min(len(data.test) // n, len(draws))

        def scores_of(r: int) -> dict[str, float]:
            """Of draw r; from the last draw on, of the floors."""
            if r < len(draws):
                return scorer(self.features(draws[r]))
            return scorer(self._features_of(data.test, order[(r - len(draws)) * n :][:n]))

        results = _in_order(scores_of, len(draws) + floors, processes)
        return {
            name: Score(
                estimate=t_interval([found[name] for found in results[: len(draws)]]),
                covers="draws",
                better=kind.better,
                floor=t_interval([found[name] for found in results[len(draws) :]]),
                floor_n=n,
                floor_draws=floors,
                target=kind.target,
            )
            for name, kind in KINDS.items()
        }

    def _scorer(self, data: ImageData, n: int, number: int) -> ImageScores:
        """Against reference `number`: 0 is the card's, 1 the one that checkpoints are chosen by; they are disjoint."""
        rows = _order(len(data.train), REFERENCE_SEED, "reference")[number * n :][:n]
        return ImageScores(self._features_of(data.train, rows), self.neighbours)

    def _features_of(self, images: ImageSet, rows: np.ndarray) -> Tensor:
        return self.features(images.take(rows).numpy())


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
