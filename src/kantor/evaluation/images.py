"""Scores of generated pictures against real ones, in the features of an extractor."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from kantor.data import pixels
from kantor.data.images import ImageData
from kantor.data.module import BlockData
from kantor.errors import UserError, require_at_least, require_positive
from kantor.evaluation.base import Evaluation, Work
from kantor.evaluation.contest import Contest
from kantor.evaluation.drawn_pictures import DrawnPictures
from kantor.evaluation.extractors.base import Extractor, Features
from kantor.evaluation.extractors.own import Own, chosen
from kantor.evaluation.feature_cache import cut
from kantor.evaluation.likelihood_scores import PICTURE_LIKELIHOODS, LikelihoodSetting, picture_likelihoods
from kantor.evaluation.picture_comparison import PictureScore, PictureSetting, Reference
from kantor.evaluation.picture_features import PictureFeatures, device_of
from kantor.evaluation.picture_scores import PICTURE_SCORES
from kantor.evaluation.picture_tests import PICTURE_TESTS
from kantor.evaluation.protocol import Protocol
from kantor.evaluation.real_pictures import REFERENCE_SEED, RealPictures
from kantor.evaluation.score import Score
from kantor.evaluation.score_definition import ScoreDefinition, applying, estimators, numbers
from kantor.evaluation.shape_detection import are_rendered_shapes, with_detections
from kantor.messages import say
from kantor.models.base import GenerativeModel
from kantor.numerics import numerics
from kantor.processes import Processes
from kantor.progress_bar import ProgressBar


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
        memory: training pictures that the memorisation test looks through; None for no such test.
        transport, infinity: as in `PictureSetting`.
    """

    extractor: Extractor | Own
    neighbours: int
    n_real: int | Literal["all"] | None
    memory: int | None
    transport: bool
    infinity: int | None

    distances = ("kid", "frechet_distance")
    offered: ClassVar[tuple[PictureScore, ...]] = PICTURE_SCORES
    """The scores of samples that there are; a subclass can add some of its own."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.extractor is None:
            raise UserError(
                f"extractor=none: evaluation={self.name} compares features of pictures; name what makes them, such as "
                "extractor=own"
            )
        require_positive(neighbours=self.neighbours)
        require_at_least(self.neighbours + 1, n=self.n)
        if self.memory is not None:
            require_positive(memory=self.memory)
        if self.infinity is not None:
            require_at_least(2, infinity=self.infinity)
            require_at_least(20, n=self.n)
        if isinstance(self.n_real, str) and self.n_real != "all":
            raise UserError(f'n_real={self.n_real}: expected a number, "all", or null for as many as generated ones')
        if isinstance(self.n_real, int):
            require_at_least(self.neighbours + 1, n_real=self.n_real)

    def definitions(self, data: BlockData) -> tuple[ScoreDefinition[Any, Any], ...]:
        """The scores that pictures can have; those of classes, when the extractor is a classifier, and those of shapes,
        when the truth of the data is known."""
        # sizes decide nothing here, and the pictures need not be there yet
        images = _pictures(data)
        setting = self._setting(images, n_real=self.n, n_generated=self.n)
        return (*self._there(setting), *applying(PICTURE_LIKELIHOODS, self._likelihood(images)))

    def at_the_end(self, data: BlockData) -> frozenset[str]:
        """Likelihoods: held-out pictures are for the end, and there are no others that were not trained on. And tests
        of one draw."""
        likelihoods = applying(PICTURE_LIKELIHOODS, self._likelihood(_pictures(data)))
        late: tuple[ScoreDefinition[Any, Any], ...] = (*PICTURE_TESTS, *likelihoods)
        return frozenset(score.name for score in late)

    def protocol(self, data: BlockData) -> Protocol:
        """What is measured."""
        images = _pictures(data)
        setting = replace(self.setting(images), conditional=images.classes)  # the same for unconditional models
        likelihood = self._likelihood(images)
        return Protocol(
            data={"name": images.name, "fingerprint": images.fingerprint},
            split={
                "reference": "train",
                "reference_seed": REFERENCE_SEED,
                "floor": "test",
                "rule": images.split_rule,
                "flips": "none",
                "codec": "none",
                "generated": "clipped and rounded to the nearest of 256 levels",
            },
            extractor=chosen(self.extractor, images).identity(),
            n_real=setting.n_real,
            n_generated=setting.n_generated,
            estimators={
                **estimators(self.asked(self._there(setting)), setting),
                **estimators(self.asked(applying(PICTURE_LIKELIHOODS, likelihood)), likelihood),
            },
        )

    def size(self, data: BlockData) -> int:
        """Pictures in a draw: n, or as many as two disjoint references and one floor leave.

        Raises:
            UserError: that is too few for the neighbours asked for.
        """
        return self.real(_pictures(data)).n

    def real(self, data: ImageData) -> RealPictures:
        """The real pictures that take part.

        Raises:
            UserError: there are too few for the neighbours asked for.
        """
        return RealPictures.of(data, n=self.n, n_real=self.n_real, neighbours=self.neighbours, seed=self.seed)

    def features(self, data: ImageData) -> PictureFeatures:
        """How all that scores need to know of a data set's pictures is made."""
        return PictureFeatures(with_detections(chosen(self.extractor, data), data), self.chunk)

    def finish(self, samples: Tensor) -> Tensor:
        """Pictures in [-1, 1] as uint8, so that scores see what files would hold."""
        return pixels.to_uint8(samples)

    def prepare(self, data: BlockData) -> Iterator[str]:
        """The extractor's weights, and features of the real pictures that draws are compared with."""
        images = _pictures(data)
        features, real = self.features(images), self.real(images)
        features.extractor.prepare()
        yield "weights of the extractor"
        held_out = [real.floor(number) for number in range(real.floors(self.draws))]
        training = [real.reference, real.validation]
        if self.memory is not None and self.memory > real.n_reference:
            training.append(real.memory(self.memory))
        with numerics(threads=self.threads):
            for source, parts in ((images.train, training), (images.test, held_out)):
                for rows in parts:
                    features.of_real(source, rows, device=torch.device("cpu"), title="real pictures", shown=True)
        yield f"features of {sum(map(len, [*training, *held_out])):,} real pictures"

    def score_while_training(self, model: GenerativeModel, data: BlockData, processes: Processes) -> dict[str, float]:
        """One draw of its own for this step, against training pictures of its own, without interval and
        floor."""
        images, device = _pictures(data), device_of(model)
        features, real = self.features(images), self.real(images)
        with numerics(threads=self.threads):
            pictures = DrawnPictures(evaluation=self, model=model, features=features, processes=processes)
            drawn = pictures.first(real.n, "validate", model.steps)
            values = None
            if processes.rank == 0:
                setting = self.setting(images)
                target = self._contest(images).real_features(images.train, real.validation, device=device)
                scores = self.asked(applying(self.offered, setting))
                values = numbers(scores, Reference(target, setting).compare(drawn))
        return processes.gather(values)[0]

    def score(
        self, model: GenerativeModel, data: BlockData, processes: Processes, work: Work | None = None
    ) -> dict[str, Score]:
        """All scores with intervals over the draws, and floors.

        Features are made chunk by chunk as pictures are drawn, and kept until the scores are there: an evaluation that
        was killed draws only what is missing. Draw r is scored by rank r mod world, and results are folded in the order
        of draws.
        """
        images, scores = _pictures(data), {}
        if self.asked(self._there(self.setting(images))):
            scores = self._of_samples(model, images, processes, Work() if work is None else work)
        likelihoods = self.asked(applying(PICTURE_LIKELIHOODS, self._likelihood(images)))
        if self.likelihood is not None and likelihoods:
            with numerics(threads=self.threads):
                scores |= picture_likelihoods(
                    likelihoods,
                    self.likelihood,
                    model,
                    images,
                    draw=self.draw(),
                    weights=self.weights,
                    processes=processes,
                )
        return scores

    def _of_samples(
        self, model: GenerativeModel, images: ImageData, processes: Processes, work: Work
    ) -> dict[str, Score]:
        """The scores that samples of the model have."""
        features, real = self.features(images), self.real(images)
        features.extractor.prepare()
        for note in real.notes():
            say(note)
        n = real.n
        with numerics(threads=self.threads):
            pictures = DrawnPictures(evaluation=self, model=model, features=features, processes=processes)
            key = pictures.key()
            bar = ProgressBar("drawing", n * self.draws, unit="pictures", shown=processes.rank == 0)
            drawn = pictures.first(n * self.draws, "evaluate", work=work, key=key, bar=bar)

            def features_of(r: int) -> Features:
                return cut(drawn, slice(r * n, (r + 1) * n))

            scores = self._contest(images).of(features_of, self.draws, processes, device_of(model))
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
        features = self.features(images)
        features.extractor.prepare()

        @cache  # the tests look at the first draw again
        def features_of(r: int) -> Features:
            return features.of_arrays(draws[r][:n])

        with numerics(threads=self.threads):
            return self._contest(images).of(features_of, len(draws), processes, torch.device("cpu"))

    def setting(self, data: ImageData) -> PictureSetting:
        """What decides which scores there are."""
        real = self.real(data)
        return self._setting(data, n_real=real.n_reference, n_generated=real.n)

    def _setting(self, data: ImageData, *, n_real: int, n_generated: int) -> PictureSetting:
        return PictureSetting(
            n_real=n_real,
            n_generated=n_generated,
            k=self.neighbours,
            classes=chosen(self.extractor, data).classes,
            conditional=self.classes,
            has_detections=are_rendered_shapes(data),
            transport=self.transport,
            infinity=self.infinity,
            memory=self.memory,
        )

    def _likelihood(self, data: ImageData) -> LikelihoodSetting:
        told = self.classes is not None
        return LikelihoodSetting(self.likelihood, math.prod(data.sample_shape), of=("binary", "bytes"), told=told)

    def _there(self, setting: PictureSetting) -> tuple[ScoreDefinition[Any, Any], ...]:
        """The scores and tests that there are."""
        return (*applying(self.offered, setting), *applying(PICTURE_TESTS, setting))

    def _contest(self, data: ImageData) -> Contest:
        setting = self.setting(data)
        return Contest(
            data=data,
            features=self.features(data),
            real=self.real(data),
            setting=setting,
            scores=self.asked(applying(self.offered, setting)),
            tests=self.asked(applying(PICTURE_TESTS, setting)),
            seed=self.seed,
        )


def _pictures(data: BlockData) -> ImageData:
    return ImageData.require(data, purpose="evaluation: this one scores", remedy="evaluation=toy")
