"""Scores of generated pictures against real ones, in the features of an extractor."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

import kantor
from kantor import keyed
from kantor.data import pixels
from kantor.data.images import ImageData, ImageSet
from kantor.data.module import BlockData
from kantor.errors import UserError, require_at_least, require_positive
from kantor.evaluation import image_scores, shape_truth, tensor_files
from kantor.evaluation.bar import Bar
from kantor.evaluation.base import Evaluation, Kind, Work
from kantor.evaluation.extractors.base import Extractor, Features
from kantor.evaluation.extractors.own import Own, chosen
from kantor.evaluation.feature_cache import arithmetic, as_chunk, cut, from_chunk, joined_chunks, real_features
from kantor.evaluation.generation import Chunk, pieces, reproducible
from kantor.evaluation.image_scores import Reference
from kantor.evaluation.protocol import Protocol, Score
from kantor.evaluation.spreads import Spreads, estimated
from kantor.metrics.intervals import LEAST_DRAWS
from kantor.models.base import GenerativeModel
from kantor.processes import Processes
from kantor.say import say

REFERENCE_SEED = 0  # the reference is part of the protocol: everybody's is the same


@dataclass(frozen=True, kw_only=True)
class ImageEvaluation(Evaluation):
    """R fresh draws of n pictures against one reference of training pictures.

    Floors are held-out pictures against the same reference: as many disjoint draws of n as there are, at most R. The
    best checkpoint is chosen against other training pictures than the reference. Where a data set is too small for
    that, draws and reference are smaller than n, and the protocol says so.

    With a reference of a size of its own, draws keep their n, and what is too small gives way alone: the reference to
    the training pictures, floors to the held-out ones (they say their n), and the pictures that checkpoints are chosen
    by are some of the reference where it takes more than half of them.

    Intervals cover the draw of the generated pictures, the reference held fixed: over draws from ten on, from within
    each draw where they are fewer (`spreads`).

    Attributes:
        extractor: turns pictures into the features that are compared, or `Own`: each data set's own does.
        neighbours: k of precision, recall, density and coverage.
        n_real: pictures in the reference: None for n, "all" for all training pictures.
    """

    extractor: Extractor | Own
    neighbours: int
    n_real: int | Literal["all"] | None

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(neighbours=self.neighbours)
        require_at_least(self.neighbours + 1, n=self.n)
        if isinstance(self.n_real, str) and self.n_real != "all":
            raise UserError(f'n_real={self.n_real}: expected a number, "all", or null for as many as generated ones')
        if isinstance(self.n_real, int):
            require_at_least(self.neighbours + 1, n_real=self.n_real)

    def kinds(self, data: BlockData) -> dict[str, Kind]:
        """The scores that pictures can have; those of classes, when the extractor is a classifier, and those of shapes,
        when the truth of the data is known."""
        images = _pictures(data)
        return image_scores.kinds(
            has_classes=chosen(self.extractor, images).has_classes, has_sights=shape_truth.knows(images)
        )

    def protocol(self, data: BlockData) -> Protocol:
        """What is measured."""
        images = _pictures(data)
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
            n_real=self.reference_size(images),
            n_generated=self.size(images),
            estimators=image_scores.estimators(
                k=self.neighbours, has_classes=extractor.has_classes, has_sights=shape_truth.knows(images)
            ),
        )

    def size(self, data: BlockData) -> int:
        """Pictures in a draw: n, or as many as two disjoint references and one floor leave.

        Raises:
            UserError: that is too few for the neighbours asked for.
        """
        images = _pictures(data)
        least = min(len(images.train) // 2, len(images.test))
        if min(self.n, least) <= self.neighbours:
            raise UserError(
                f"evaluation: data={images.name} has {len(images.train)} pictures to train on and {len(images.test)} "
                f"held out; neighbours={self.neighbours} needs at least {2 * self.neighbours + 2} and "
                f"{self.neighbours + 1}: take more data or fewer neighbours"
            )
        return self.n if self.n_real is not None else min(self.n, least)

    def reference_size(self, data: ImageData) -> int:
        """Pictures in the reference."""
        if self.n_real is None:
            return self.size(data)
        return len(data.train) if self.n_real == "all" else min(self.n_real, len(data.train))

    def finish(self, samples: Tensor) -> Tensor:
        """Pictures in [-1, 1] as uint8, so that scores see what files would hold."""
        return pixels.to_uint8(samples)

    def score_while_training(self, model: GenerativeModel, data: BlockData, processes: Processes) -> dict[str, float]:
        """One draw of its own for this generator step, against training pictures of its own, without interval and
        floor."""
        images, n, device = _pictures(data), self.size(data), device_of(model)
        with reproducible(self.threads):
            drawn = self._drawn(model, images, n, "validate", model.generator_steps, processes=processes)
            found = None
            if processes.rank == 0:
                found = self._reference(images, 1, device, shown=False).compare(drawn).scores()
        return processes.gather(found)[0]

    def score(
        self, model: GenerativeModel, data: BlockData, processes: Processes, work: Work | None = None
    ) -> dict[str, Score]:
        """All scores with intervals over the draws, and floors.

        Features are made chunk by chunk as pictures are drawn, and kept until the scores are there: an evaluation that
        was killed draws only what is missing. Draw r is scored by rank r mod world, and results are folded in the order
        of draws.
        """
        images, n, work = _pictures(data), self.size(data), Work() if work is None else work
        chosen(self.extractor, images).prepare()
        if processes.rank == 0:
            if n < self.n:
                say(f"data={data.name} is too small for draws of {self.n:,} pictures: scoring draws of {n:,}")
            if isinstance(self.n_real, int) and self.reference_size(images) < self.n_real:
                say(f"data={data.name} has {len(images.train):,} training pictures: they all are the reference")
        with reproducible(self.threads):
            key = self._key(model, images)
            bar = Bar("drawing", n * self.draws, shown=processes.rank == 0)
            drawn = self._drawn(
                model, images, n * self.draws, "evaluate", processes=processes, work=work, key=key, bar=bar
            )

            def features_of(r: int) -> Features:
                return cut(drawn, slice(r * n, (r + 1) * n))

            scores = self._score(features_of, self.draws, images, processes, device_of(model))
        if processes.rank == 0:
            work.finished(key).forget()
        return scores

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

        chosen(self.extractor, images).prepare()

        def features_of(r: int) -> Features:
            return self.features(draws[r][:n], images)

        with reproducible(self.threads):
            return self._score(features_of, len(draws), images, processes, torch.device("cpu"))

    def extract(self, images: Tensor, data: ImageData) -> Features:
        """Of uint8 images (n, C, H, W), on their device: all that scores need to know of them."""
        return shape_truth.seeing(chosen(self.extractor, data), data)(images)

    def extraction(self, data: ImageData) -> dict[str, Any]:
        """What determines `extract`, for files that keep what it gave."""
        return shape_truth.seeing(chosen(self.extractor, data), data).identity()

    def features(self, images: np.ndarray, data: ImageData) -> Features:
        """Features and logits of uint8 images (n, C, H, W), extracted in chunks."""
        with Bar("features", len(images), shown=True) as bar:
            found = []
            for start in range(0, len(images), self.chunk):
                part = torch.from_numpy(images[start : start + self.chunk])
                found.append(as_chunk(self.extract(part, data)))
                bar.add(len(part))
        return from_chunk(joined_chunks(found))

    def _drawn(
        self,
        model: GenerativeModel,
        data: ImageData,
        n: int,
        purpose: str,
        *counters: int,
        processes: Processes,
        work: Work | None = None,
        key: dict[str, Any] | None = None,
        bar: Bar | None = None,
    ) -> Features:
        """Of n drawn pictures, on every process; made where they are drawn."""

        def make(pictures: Tensor) -> Chunk:
            return as_chunk(self.extract(pictures.to(device_of(model)), data))

        return from_chunk(
            self.made_of_samples(
                model, n, purpose, *counters, processes=processes, make=make, work=work, key=key, bar=bar
            )
        )

    def _key(self, model: GenerativeModel, data: ImageData) -> dict[str, Any]:
        """All that determines the features of a drawn chunk, to the bit."""
        return {
            **arithmetic(self.extraction(data), device=device_of(model)),
            "kantor": kantor.__version__,
            "model": tensor_files.digest(model.state_dict()),
            "sampler": model.sampler(),
            "weights": self.weights,
            "drawn on": model.device.type,
            "seed": self.seed,
            "chunk": self.chunk,
        }

    def _score(
        self,
        features_of: Callable[[int], Features],
        draws: int,
        data: ImageData,
        processes: Processes,
        device: torch.device,
    ) -> dict[str, Score]:
        reference = self._reference(data, 0, device, shown=processes.rank == 0)
        order = _order(len(data.test), self.seed, "floor")
        n, floor_n = self.size(data), min(self.size(data), len(data.test))
        floors = min(len(data.test) // floor_n, draws)

        def found(r: int) -> tuple[dict[str, float], Spreads]:
            """Of draw r; from the last draw on, of the floors."""
            if r < draws:
                comparison = reference.compare(features_of(r))
                return comparison.scores(), comparison.spreads() if draws < LEAST_DRAWS else {}
            rows = order[(r - draws) * floor_n :][:floor_n]
            real = self._real(data.test, rows, data, device, title="held-out pictures", shown=False)
            return reference.compare(real).scores(), {}

        results = pieces(found, draws + floors, processes)
        dimensions = reference.found.features.shape[1]
        if min(n, len(reference.found.features)) <= dimensions and processes.rank == 0:
            say(
                f"frechet_distance: {n:,} pictures in {dimensions:,} dimensions have a singular covariance, and the "
                "score a large bias; kid has none"
            )

        def singular(size: int) -> str | None:
            least = min(size, len(reference.found.features))
            if least > dimensions:
                return None
            return f"no interval where n = {least} is not above the {dimensions} dimensions"

        def score(name: str, kind: Kind) -> Score:
            values = [scores[name] for scores, _ in results]
            without, floor_without = (singular(n), singular(floor_n)) if name == "frechet_distance" else (None, None)
            estimate, reason = estimated(values[:draws], [of.get(name) for _, of in results[:draws]], without)
            floor, floor_reason = estimated(values[draws:], [], floor_without)
            return Score(
                estimate=estimate,
                covers="draws",
                better=kind.better,
                floor=floor,
                floor_n=floor_n,
                floor_draws=floors,
                target=kind.target,
                reason=reason,
                floor_reason=floor_reason,
            )

        return {name: score(name, kind) for name, kind in self.kinds(data).items()}

    def _reference(self, data: ImageData, number: int, device: torch.device, *, shown: bool) -> Reference:
        """Number 0 is the card's, 1 the one that checkpoints are chosen by; they are disjoint where there are enough
        pictures."""
        order, size = _order(len(data.train), REFERENCE_SEED, "reference"), self.reference_size(data)
        rows = order[:size]
        if number == 1:
            rows = order[size:][: self.size(data)] if 2 * size <= len(order) else order[-self.size(data) :]
        real = self._real(data.train, rows, data, device, title="training pictures", shown=shown)
        return Reference(real, self.neighbours)

    def _real(
        self, images: ImageSet, rows: np.ndarray, data: ImageData, device: torch.device, *, title: str, shown: bool
    ) -> Features:
        return real_features(
            images,
            rows,
            lambda pictures: self.extract(pictures, data),
            self.extraction(data),
            chunk=self.chunk,
            device=device,
            bar=Bar(title, len(rows), shown=shown),
        )


def device_of(model: GenerativeModel) -> torch.device:
    """Where features of a model's pictures are made, and those of real ones: float64 is needed, which MPS lacks."""
    return model.device if model.device.type == "cuda" else torch.device("cpu")


def _order(n: int, seed: int, purpose: str) -> np.ndarray:
    """A permutation of 0 … n-1."""
    return np.random.Generator(np.random.Philox(key=keyed.seed(seed, purpose))).permutation(n)


def _pictures(data: BlockData) -> ImageData:
    return ImageData.require(data, purpose="evaluation: this one scores", remedy="evaluation=toy")
