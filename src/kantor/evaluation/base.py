"""An evaluation: which scores, of how many samples, drawn how; what it asks of data and model."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from kantor import keyed
from kantor.data.module import BlockData
from kantor.errors import NonFiniteError, UserError, nearest, require_at_least, require_positive
from kantor.evaluation.generation import Chunk, Finished, remaining_pieces
from kantor.evaluation.likelihood import Likelihood
from kantor.evaluation.protocol import Draw, Protocol
from kantor.evaluation.score import Kind, Score
from kantor.evaluation.score_definition import D, ScoreDefinition, kinds
from kantor.messages import say
from kantor.models.base import GenerativeModel
from kantor.models.sampling import Sampling
from kantor.processes import Processes
from kantor.progress_bar import ProgressBar
from kantor.samplers.direct import Sampler

Checkpoint = Literal["last", "best"]

PRESETS = {"points": "toy", "pictures": "quick"}
"""The evaluation that suits what data are, where none is named."""


@dataclass
class Work:
    """What an evaluation has done so far, so that it can be gone on with.

    Attributes:
        home: the directory below which finished chunks are kept; None for nowhere.
        drawn: chunks that this process has drawn.
    """

    home: Path | None = None
    drawn: int = 0

    def finished(self, key: Mapping[str, Any] | None) -> Finished:
        """The chunks that are kept under a key; under none nothing is."""
        return Finished(self.home if key is not None else None, key or {})


@dataclass(frozen=True, kw_only=True)
class Evaluation(ABC):
    """R fresh draws of n samples, each score with interval and floor.

    Attributes:
        name: what the evaluation is called.
        n: samples in a draw, and in the reference.
        draws: R; from 10 on intervals come from their scatter.
        chunk: samples drawn as one batch.
        seed: of the draws; another seed takes another random sample.
        weights: `raw`, `ema`, or `ema:0.999` of several averages.
        checkpoint: `last` or `best`.
        every: steps between scores while training.
        scores: which are made; None for all that there are.
        threads: of the networks while samples are drawn.
        sampler: how samples are drawn.
        classes: of the labels that a conditional model's samples are drawn with; None for an unconditional one.
        likelihood: how that of real samples is computed, as it is of the model; None for no such score.
        nfe: numbers of network evaluations at which an error budget is made; None for no such budget.
    """

    name: str
    n: int
    draws: int
    chunk: int
    seed: int
    weights: str
    checkpoint: Checkpoint
    every: int
    scores: Sequence[str] | None
    threads: int
    sampler: Sampler
    classes: int | None
    likelihood: Likelihood | None
    nfe: Sequence[int] | None

    distances: ClassVar[tuple[str, ...]]
    """The scores that an error budget is made in."""

    def __post_init__(self) -> None:
        require_at_least(2, n=self.n)
        require_positive(draws=self.draws, chunk=self.chunk, every=self.every, threads=self.threads)

    @abstractmethod
    def definitions(self, data: BlockData) -> tuple[ScoreDefinition[Any, Any], ...]:
        """The scores that can be had on a data set, asked for or not.

        Raises:
            UserError: the evaluation is not made for such data.
        """

    def at_the_end(self, data: BlockData) -> frozenset[str]:
        """The scores that are not made while training, by name; default: all are."""
        return frozenset()

    def asked(self, there: Iterable[D]) -> tuple[D, ...]:
        """Those that are asked for, of some that there are."""
        return tuple(score for score in there if self.scores is None or score.name in self.scores)

    def kinds(self, data: BlockData) -> Mapping[str, Kind]:
        """How each score that is made of a data set is read, by name.

        Raises:
            UserError: the evaluation is not made for such data, or a score is asked for that there is not.
        """
        there = self.definitions(data)
        names = [score.name for score in there]
        if isinstance(self.scores, str) or self.scores == []:
            raise UserError(f"evaluation.scores={self.scores}: expected a list, as in evaluation.scores=[{names[0]}]")
        for name in self.scores or ():
            if name not in names:
                raise UserError(
                    f"evaluation.scores: evaluation={self.name} makes no {name} of data={data.name}"
                    f"{nearest(name, names)}: expected some of {', '.join(names)}"
                )
        return kinds(self.asked(there))

    @abstractmethod
    def protocol(self, data: BlockData) -> Protocol:
        """What is measured."""

    @abstractmethod
    def score(
        self, model: GenerativeModel, data: BlockData, processes: Processes, work: Work | None = None
    ) -> dict[str, Score]:
        """All scores with intervals and floors, the same on every process.

        Args:
            model: draws the samples.
            data: the truth.
            processes: who shares the work.
            work: where finished chunks may be kept; it counts the others.
        """

    @abstractmethod
    def score_while_training(self, model: GenerativeModel, data: BlockData, processes: Processes) -> dict[str, float]:
        """One draw of its own for this step, without interval and floor; the same on every process."""

    @abstractmethod
    def score_draws(self, draws: list[np.ndarray], data: BlockData, processes: Processes) -> dict[str, Score]:
        """Scores of given draws, each (n, …) as `samples` gives them, wherever they come from."""

    def prepare(self, data: BlockData) -> Iterator[str]:
        """Make, on the processor, what is the same for every model, so that no model has to wait for it; yields what is
        there then, in words. Default: there is no such thing.

        Raises:
            UserError: something cannot be had.
        """
        yield from ()

    def tells_causes(self, data: BlockData) -> bool:
        """Whether `errors` of a model that denoises are told apart by cause; default no."""
        return False

    def errors(self, model: GenerativeModel, data: BlockData, processes: Processes) -> dict[str, dict[str, Score]]:
        """How far the model's samples are from the data: `whole`, and its causes where they can be told apart."""
        return {"whole": self.score(model, data, processes)}

    @property
    def sampling(self) -> Sampling:
        """How samples are drawn."""
        return Sampling(self.weights, self.sampler)

    def size(self, data: BlockData) -> int:
        """Samples in a draw: n, or fewer where a data set is too small for that."""
        return self.n

    def draw(self) -> Draw:
        """Which random sample."""
        return Draw(seed=self.seed, chunk=self.chunk, draws=self.draws)

    def finish(self, samples: Tensor) -> Tensor:
        """A chunk of the model's samples, finite or not, as it is kept and scored; evaluations of images round here."""
        return samples

    def samples(
        self,
        model: GenerativeModel,
        n: int,
        purpose: str,
        *counters: int,
        processes: Processes,
        work: Work | None = None,
    ) -> np.ndarray:
        """`n` finished samples of the model, (n, …), the same on every process: chunk c is drawn from the key (`seed`,
        purpose, *counters, c).

        Raises:
            NonFiniteError: on every process, when a chunk of any has a NaN or an infinity.
        """
        found = self.made_of_samples(
            model,
            n,
            purpose,
            *counters,
            processes=processes,
            make=lambda samples: {"samples": samples.cpu()},
            work=work,
        )
        return found["samples"].numpy()

    def made_of_samples(
        self,
        model: GenerativeModel,
        n: int,
        purpose: str,
        *counters: int,
        processes: Processes,
        make: Callable[[Tensor], Chunk],
        work: Work | None = None,
        key: Mapping[str, Any] | None = None,
        bar: ProgressBar | None = None,
    ) -> Chunk:
        """What `make` makes of each chunk of finished samples, put together and cut to n, on every process.

        Args:
            model: draws the samples.
            n: how many.
            purpose: of the draw; with the counters, the seed and the chunk's number its key.
            counters: of the draw.
            processes: who shares the work.
            make: of a chunk of samples (chunk, …) tensors (chunk, …).
            work: where finished chunks are kept until it is forgotten.
            key: all that determines a chunk; without one, none is kept.
            bar: shows how far it is.

        Raises:
            NonFiniteError: on every process, when a chunk of any has a NaN or an infinity.
        """
        work = Work() if work is None else work
        bar = ProgressBar(purpose, n, unit="samples", shown=False) if bar is None else bar
        count = -(-n // self.chunk)

        def chunk(c: int) -> Chunk | None:
            made = self._made_of_chunk(model, keyed.seed(self.seed, purpose, *counters, c), make)
            work.drawn += 1
            bar.add(self.chunk * processes.world)
            return made

        def begin(there: int) -> None:
            if there:
                say(f"{there} of {count} chunks are there from an evaluation that was interrupted: drawing the others")
            bar.begin(there * self.chunk)

        with bar:
            chunks = remaining_pieces(chunk, count, work.finished(key), processes, found=begin)
        if chunks is None:
            raise NonFiniteError("the model makes values that are not finite: the run diverged and has no score")
        return {name: torch.cat([each[name] for each in chunks])[:n] for name in chunks[0]}

    def _made_of_chunk(self, model: GenerativeModel, seed: int, make: Callable[[Tensor], Chunk]) -> Chunk | None:
        """With the labels that were asked for; None where a sample is not finite, before rounding would hide it."""
        rng = keyed.Rng(seed, device=model.device)
        labels = None if self.classes is None else model.draw_labels(self.chunk, rng)
        drawn = self.sampling(model, self.chunk, rng=rng, condition=labels)
        if not bool(drawn.isfinite().all()):
            return None
        return {**make(self.finish(drawn)), **({} if labels is None else {"labels": labels.cpu()})}


def split_draws(samples: np.ndarray, evaluation: Evaluation, data: BlockData) -> list[np.ndarray]:
    """As many disjoint draws as there are samples for, at most as many as the evaluation asks for.

    Raises:
        UserError: there are fewer than one draw takes.
    """
    n = evaluation.size(data)
    possible = min(len(samples) // n, evaluation.draws)
    if possible < 1:
        raise UserError(
            f"images: there are {len(samples)} samples, one draw takes evaluation.n={n}: give more samples, or score "
            f"all with a smaller evaluation.n"
        )
    if possible < evaluation.draws:
        counted = f"{possible} draws" if possible > 1 else "one draw"
        say(f"there are samples for {counted} of {n:,}; from 10 draws on their scatter gives intervals")
    return [samples[draw * n : (draw + 1) * n] for draw in range(possible)]
