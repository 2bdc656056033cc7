"""The pictures that a model draws for an evaluation, as features: made chunk by chunk where they are drawn."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from kantor.evaluation import tensor_files
from kantor.evaluation.base import Evaluation, Work
from kantor.evaluation.extractors.base import Features
from kantor.evaluation.feature_cache import arithmetic, from_chunk
from kantor.evaluation.generation import Chunk
from kantor.evaluation.picture_features import PictureFeatures, device_of
from kantor.models.base import GenerativeModel
from kantor.processes import Processes
from kantor.progress_bar import ProgressBar
from kantor.version import __version__


@dataclass(frozen=True, kw_only=True)
class DrawnPictures:
    """Pictures that are drawn.

    Attributes:
        evaluation: by whose sampling, seed and chunks.
        model: by which.
        features: how what scores need is made of them.
        processes: who draw, each some of the chunks.
    """

    evaluation: Evaluation
    model: GenerativeModel
    features: PictureFeatures
    processes: Processes

    def first(
        self,
        n: int,
        purpose: str,
        *counters: int,
        work: Work | None = None,
        key: dict[str, Any] | None = None,
        bar: ProgressBar | None = None,
    ) -> Features:
        """The first n that are drawn for a purpose, on every process.

        Args:
            n: how many.
            purpose: what for, with its counters: others are other pictures.
            work: where chunks are kept that are finished; None keeps nothing.
            key: all that determines them, as `key`.
            bar: shows how far it is.
        """

        def make(pictures: Tensor) -> Chunk:
            return self.features.of_chunk(pictures.to(device_of(self.model)))

        made = self.evaluation.made_of_samples(
            self.model, n, purpose, *counters, processes=self.processes, make=make, work=work, key=key, bar=bar
        )
        return from_chunk(made)

    def key(self) -> dict[str, Any]:
        """All that determines the features of a chunk, to the bit."""
        return {
            **arithmetic(self.features.extractor, device=device_of(self.model)),
            "kantor": __version__,
            "model": tensor_files.digest(self.model.state_dict()),
            "sampling": self.evaluation.sampling.describe(),
            "drawn on": self.model.device.type,
            "seed": self.evaluation.seed,
            "chunk": self.evaluation.chunk,
        }
