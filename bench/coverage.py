"""How often intervals of scores hold the true value, where it is known: the numbers of docs/statistics.md.

    python bench/coverage.py [--references 3] [--draws 200] [--jackknives 100] [--of features shapes points]

For each law of generated features a few references are drawn and held fixed, then many samples of n against each. The
mean score of all samples is the truth for that reference: what samples of this size score on average. An interval at
95% should hold it 95 times of 100: the t-interval over 10 samples, and the interval made from a single sample.
"""

import argparse
import math
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Protocol

import numpy as np
import torch

from kantor.data.points import gaussians8
from kantor.data.shapes5 import PurdueShapes5
from kantor.evaluation.extractors import Pixels
from kantor.evaluation.extractors.base import Features
from kantor.evaluation.picture_comparison import PictureSetting, Reference
from kantor.evaluation.picture_scores import PICTURE_SCORES
from kantor.evaluation.point_scores import PointSetting
from kantor.evaluation.points import PointReference
from kantor.evaluation.score_definition import DrawScores, applying
from kantor.evaluation.shape_detection import with_detections
from kantor.evaluation.shape_scores import SHAPE_SCORES
from kantor.evaluation.spreads import estimated
from kantor.metrics.intervals import LEAST_DRAWS, Estimate

CLASSES = 10
NEIGHBOURS = 5
POOL = 4000
"""Rendered pictures of shapes; what is detected in them is the law that is drawn from."""

Score = Callable[[torch.Generator, bool], DrawScores]
"""Draws a sample and scores it, with spreads or without."""


def setting(n: int, *, detections: bool) -> PictureSetting:
    """Of n features, or of what is detected in n pictures."""
    return PictureSetting(
        n_real=n, n_generated=n, k=NEIGHBOURS, classes=10, conditional=None, has_detections=detections, transport=True,
        infinity=4, memory=None,
    )  # fmt: skip


class Case(Protocol):
    """A law of generated data, and what it is compared with.

    Attributes:
        name: in the table.
        size: in the table.
    """

    @property
    def name(self) -> str: ...

    @property
    def size(self) -> str: ...

    def against(self, rng: torch.Generator) -> Score:
        """Draws a reference; what comes back scores samples against it."""
        ...


@dataclass(frozen=True)
class OfFeatures:
    """Features as networks have them: averages of rectified numbers, skewed, correlated and partly zero.

    Attributes:
        name: in the table.
        n: features in the reference and in a sample.
        d: their dimensions.
        shift: of the hidden numbers, in standard deviations.
        spread: of the hidden numbers; 1 is that of the real ones.
        modes: how many of four modes are there.
    """

    name: str
    n: int
    d: int
    shift: float = 0.0
    spread: float = 1.0
    modes: int = 4

    @property
    def size(self) -> str:
        return f"{self.n} × {self.d}"

    def against(self, rng: torch.Generator) -> Score:
        reference = Reference(self.draw(rng, real=True), setting(self.n, detections=False))
        scores = applying(PICTURE_SCORES, reference.setting)
        return lambda rng, sure: DrawScores.of(scores, reference.compare(self.draw(rng)), with_spreads=sure)

    def draw(self, rng: torch.Generator, *, real: bool = False) -> Features:
        mixing = torch.Generator().manual_seed(1)  # of everybody
        first = torch.randn(6, 4 * self.d, generator=mixing, dtype=torch.float64)
        places = 1.5 * torch.randn(4, 6, generator=mixing, dtype=torch.float64)
        head = torch.randn(self.d, CLASSES, generator=mixing, dtype=torch.float64) / self.d**0.5
        modes, shift, spread = (4, 0.0, 1.0) if real else (self.modes, self.shift, self.spread)
        which = torch.randint(modes, (self.n,), generator=rng)
        hidden = places[which] + shift + spread * torch.randn(self.n, 6, generator=rng, dtype=torch.float64)
        noise = 0.5 * torch.randn(self.n, 4 * self.d, generator=rng, dtype=torch.float64)
        features = (hidden @ first / 6**0.5 + noise).relu().unflatten(1, (self.d, 4)).mean(2)
        return Features(features, 4 * features @ head)


@dataclass(frozen=True)
class OfShapes:
    """What is seen in rendered pictures, drawn from a pool of them.

    Attributes:
        name: in the table.
        n: pictures in the reference and in a sample.
        least: generated pictures show at least so many shapes.
    """

    name: str
    n: int
    least: int

    @property
    def size(self) -> str:
        return str(self.n)

    def against(self, rng: torch.Generator) -> Score:
        pool = detections()
        law = pool[pool[:, 0] >= self.least]

        def drawn(rows: torch.Tensor, rng: torch.Generator) -> Features:
            chosen = rows[torch.randint(len(rows), (self.n,), generator=rng)]
            return Features(chosen[:, :0], None, chosen)

        reference = Reference(drawn(pool, rng), setting(self.n, detections=True))
        return lambda rng, sure: DrawScores.of(SHAPE_SCORES, reference.compare(drawn(law, rng)), with_spreads=sure)


@cache
def detections() -> torch.Tensor:
    """Of the pool, one row each."""
    data = PurdueShapes5(
        name="purdue_shapes5", archive=None, render_seed=77, batch_size=1, size=POOL, flip=False, resident=False,
        identity="auto", seed=0,
    )  # fmt: skip
    found = with_detections(Pixels(8), data)(data.train.take(np.arange(POOL))).detections
    assert found is not None
    return found


@dataclass(frozen=True)
class OfPoints:
    """Points around eight modes, against stratified ones.

    Attributes:
        name: in the table.
        n: points in the reference and in a sample.
        scale: of the generated ones; 1 is that of the real ones.
        modes: how many of the eight are there.
    """

    name: str
    n: int
    scale: float = 1.0
    modes: int = 8

    @property
    def size(self) -> str:
        return str(self.n)

    def against(self, rng: torch.Generator) -> Score:
        truth = gaussians8(0.1, 1.414)
        law = replace(truth, centres=truth.centres[: self.modes])

        def seeded() -> np.random.Generator:
            return np.random.default_rng(int(torch.randint(2**62, (), generator=rng)))

        real = truth.sample(self.n, seeded(), stratified=True)
        reference = PointReference(PointSetting(truth, bins=64, has_potential=False), real, None)

        def score(rng: torch.Generator, sure: bool) -> DrawScores:
            points = self.scale * law.sample(self.n, seeded())
            return DrawScores.of(reference.scores, reference.compare(points), with_spreads=sure)

        return score


FEATURES = (
    OfFeatures("the same law", 200, 16),
    OfFeatures("shifted", 200, 16, shift=0.4),
    OfFeatures("far away", 200, 16, shift=2.0),
    OfFeatures("two of four modes", 200, 16, modes=2),
    OfFeatures("shrunken", 200, 16, spread=0.5),
    OfFeatures("few for the dimensions", 80, 64, shift=0.4),
    OfFeatures("many", 600, 64, shift=0.4),
)
SHAPES = (OfShapes("the same law", 500, 0), OfShapes("two shapes or more", 500, 2), OfShapes("four or more", 500, 4))
POINTS = (
    OfPoints("the same law", 128),
    OfPoints("a tenth too large", 128, scale=1.1),
    OfPoints("five of eight modes", 128, modes=5),
)


def held(case: Case, references: int, draws: int, jackknives: int) -> dict[str, dict[str, list[bool | None]]]:
    """By score: whether each interval of each kind held the truth."""
    found: dict[str, dict[str, list[bool | None]]] = defaultdict(lambda: defaultdict(list))
    for number in range(references):
        rng = torch.Generator().manual_seed(1000 + number)
        against = case.against(rng)
        results = [against(rng, draw < jackknives) for draw in range(draws)]
        for name in results[0].values:
            values = [float(draw.values[name]) for draw in results]
            truth = math.fsum(values) / len(values)
            groups = [values[start : start + LEAST_DRAWS] for start in range(0, draws, LEAST_DRAWS)]
            found[name]["t"] += [holds(estimated(group, [], None)[0], truth) for group in groups]
            for value, draw in zip(values, results[:jackknives], strict=False):
                found[name]["one"].append(holds(estimated([value], [draw.spreads[name]], None)[0], truth))
    return found


def holds(estimate: Estimate | None, truth: float) -> bool | None:
    """None where no interval is printed."""
    if estimate is None or estimate.low is None or estimate.high is None:
        return None
    return estimate.low <= truth <= estimate.high


def share(found: list[bool | None]) -> str:
    """The share in percent; `-` where there were none, and how many where there were not all."""
    known = [each for each in found if each is not None]
    if not known:
        return "-"
    text = f"{100 * sum(known) / len(known):.0f}"
    return text if len(known) == len(found) else f"{text} ({len(known)})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--references", type=int, default=3)
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--jackknives", type=int, default=100)
    kinds = {"features": FEATURES, "shapes": SHAPES, "points": POINTS}
    parser.add_argument("--of", nargs="+", choices=kinds, default=list(kinds))
    words = parser.parse_args()
    torch.set_num_threads(1)
    began = time.process_time()
    possible = {"t": words.references * (words.draws // LEAST_DRAWS), "one": words.references * words.jackknives}
    for what in words.of:
        cases = kinds[what]
        tables = [held(case, words.references, words.draws, words.jackknives) for case in cases]
        for kind, title in (("t", "t-interval over 10 samples"), ("one", "interval from one sample")):
            names = [
                name for name, found in tables[0].items() if any(share(table[name][kind]) != "-" for table in tables)
            ]
            if not names:
                continue
            print(f"\n{what}, {title}: how often it held the truth, in % of {possible[kind]}\n")
            print("| law | n | " + " | ".join(f"`{name}`" for name in names) + " |")
            print("| --- " * (2 + len(names)) + "|")
            for case, table in zip(cases, tables, strict=True):
                cells = [share(table[name][kind]) for name in names]
                print(f"| {case.name} | {case.size} | " + " | ".join(cells) + " |")
    print(f"\n{time.process_time() - began:.0f} CPU seconds")


if __name__ == "__main__":
    main()
