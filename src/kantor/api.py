"""A run as Python sees it: `kantor.load(DIR)` and what `kantor.train([...])` returns."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kantor.engine import sample
from kantor.engine.redraw import Likeness
from kantor.errors import UserError, command
from kantor.models.base import GenerativeModel
from kantor.paths import path_of
from kantor.report.cards import Evaluation, Score, read_evaluations
from kantor.report.health import Finding, read_findings
from kantor.report.tables import markdown, score_sheet
from kantor.runs.directory import RunDirectory
from kantor.runs.finding import latest
from kantor.surroundings import left_alone


class Scores(Mapping[str, Score]):
    """The scores of one evaluation by name; printed, or as the last line of a notebook's cell, they are a table.

    Of a score, `.value`, `.low` and `.high` are numbers, or None: many have no interval, such as a count that was the
    same in every draw. `.text` is what to print in either case, and `.floor` what real data score.
    """

    def __init__(self, evaluation: Evaluation) -> None:
        self.evaluation = evaluation

    def __getitem__(self, name: str) -> Score:
        return self.evaluation.scores[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.evaluation.scores)

    def __len__(self) -> int:
        return len(self.evaluation.scores)

    def __repr__(self) -> str:
        return self._repr_markdown_()

    def _repr_markdown_(self) -> str:
        return markdown(score_sheet(self.evaluation))


class Run:
    """A run directory with its configuration, scores, metrics, model and samples."""

    def __init__(self, directory: RunDirectory) -> None:
        self._directory = directory

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> "Run":
        """The run in a directory, or the newest below outputs/ for "latest".

        Raises:
            UserError: there is none.
        """
        return cls(latest(Path("outputs")) if path == "latest" else RunDirectory.open(path_of(path)))

    def __repr__(self) -> str:
        return f"kantor.load({str(self.path)!r})"

    @property
    def path(self) -> Path:
        """The run directory."""
        return self._directory.path

    @property
    def config(self) -> dict[str, Any]:
        """The resolved configuration, as plain containers."""
        return self._directory.config()

    @property
    def card(self) -> dict[str, Any]:
        """Scores with protocol, error and floor, budget and cost."""
        return self._directory.card()

    def scores(self, evaluation: int = -1) -> Scores:
        """The scores of an evaluation of the card, with texts for their intervals and floors.

        Args:
            evaluation: its place in the card; the last one.

        Raises:
            UserError: there is no such evaluation.
        """
        found = read_evaluations(self.card)
        if not -len(found) <= evaluation < len(found):
            raise UserError(
                f"evaluation={evaluation}: {self.path} has {len(found)} evaluations; "
                f"{command('evaluate', f'run={self.path}')} makes one"
            )
        return Scores(found[evaluation])

    def health(self) -> list[Finding]:
        """What the health checks found while the run was trained, oldest first: step, check, message, and by which step
        it had gone."""
        return read_findings(self._directory)

    def metrics(self) -> dict[str, list[float | None]]:
        """metrics.csv as columns, ready for `pandas.DataFrame(run.metrics())`; None where a step has no value."""
        return self._directory.metrics()

    def model(self, checkpoint: str = "last") -> GenerativeModel:
        """The model with its weights, in eval mode, on the CPU.

        Args:
            checkpoint: `last` or `best`.
        """
        with left_alone():
            return sample.load(self._directory, checkpoint).model

    def sample(
        self,
        n: int,
        *,
        seed: int = 0,
        weights: str | None = None,
        checkpoint: str = "last",
        sampler: str | None = None,
        settings: Mapping[str, Any] | None = None,
        condition: int | str | None = None,
        like: str | os.PathLike[str] | None = None,
        mask: str | os.PathLike[str] | None = None,
        strength: float | None = None,
    ) -> np.ndarray:
        """`n` samples, float32 (n, 2) for points, uint8 (n, H, W, C) for pictures; the same as `kantor sample`.

        Args:
            n: how many.
            seed: another seed takes other samples.
            weights: `raw`, `ema`, or `ema:0.999` of several; None for `ema` where an average is kept, else `raw`.
            checkpoint: `last` or `best`.
            sampler: the name of a sampler; None for the run's own.
            settings: of the sampler, such as {"steps": 18}.
            condition: of a conditional model a label, or `all` for one class after the other.
            like: a picture of which variants are drawn, by a denoising model.
            mask: a picture, white where that one is drawn anew and black where it stays.
            strength: how much noise is put on it, in (0, 1].
        """
        likeness = Likeness.given(
            like=None if like is None else str(like), mask=None if mask is None else str(mask), strength=strength
        )
        with left_alone():
            return sample.sample(
                self._directory,
                n,
                seed=seed,
                weights=weights,
                checkpoint=checkpoint,
                sampler=sampler,
                overrides=[(f"sampler.{name}", value) for name, value in (settings or {}).items()],
                condition=None if condition is None else str(condition),
                likeness=likeness,
            ).samples
