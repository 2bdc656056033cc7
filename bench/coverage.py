"""How often intervals of scores hold the true value, where it is known: the numbers of docs/statistics.md.

    python bench/coverage.py [--references 4] [--draws 300] [--jackknives 120]

For each law of generated features a few references are drawn and held fixed, then many samples of n against each. The
mean score of all samples is the truth for that reference: what samples of this size score on average. An interval at
95% should hold it 95 times of 100: the t-interval over 10 samples, and the interval made from a single sample.
"""

import argparse
import math
import time
from collections import defaultdict
from dataclasses import dataclass

import torch

from kantor.evaluation.extractors.base import Features
from kantor.evaluation.image_scores import Reference, ScoreSet
from kantor.evaluation.spreads import Spread, pooled_interval
from kantor.metrics.intervals import LEAST_DRAWS, Estimate, t_interval

CLASSES = 10
NEIGHBOURS = 5
SCORES = ScoreSet(k=NEIGHBOURS, has_classes=True, has_sights=False, transport=False, infinity=None)


@dataclass(frozen=True)
class Case:
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


CASES = (
    Case("the same law", 200, 16),
    Case("shifted", 200, 16, shift=0.4),
    Case("far away", 200, 16, shift=2.0),
    Case("two of four modes", 200, 16, modes=2),
    Case("shrunken", 200, 16, spread=0.5),
    Case("few for the dimensions", 80, 64, shift=0.4),
    Case("many", 600, 64, shift=0.4),
)


def held(case: Case, references: int, draws: int, jackknives: int) -> dict[str, dict[str, list[bool]]]:
    """By score: whether each interval of each kind held the truth."""
    found: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for number in range(references):
        rng = torch.Generator().manual_seed(1000 + number)
        reference = Reference(case.draw(rng, real=True), SCORES)
        scores: list[dict[str, float]] = []
        spreads = []
        for draw in range(draws):
            comparison = reference.compare(case.draw(rng))
            scores.append(comparison.scores())
            if draw < jackknives:
                spreads.append(comparison.spreads())
        for name in scores[0]:
            values = [each[name] for each in scores]
            truth = math.fsum(values) / len(values)
            groups = [values[start : start + LEAST_DRAWS] for start in range(0, draws, LEAST_DRAWS)]
            found[name]["t"] += [holds(t_interval(group), truth) for group in groups if len(set(group)) > 1]
            for value, spread in zip(values, (each[name] for each in spreads), strict=False):
                if isinstance(spread, Spread):
                    found[name]["one"].append(holds(pooled_interval([value], [spread]), truth))
    return found


def holds(estimate: Estimate, truth: float) -> bool:
    return estimate.low <= truth <= estimate.high


def share(found: list[bool], possible: int) -> str:
    """The share in percent; `-` where there were none, and how many where there were not all."""
    if not found:
        return "-"
    text = f"{100 * sum(found) / len(found):.0f}"
    return text if len(found) == possible else f"{text} ({len(found)})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--references", type=int, default=4)
    parser.add_argument("--draws", type=int, default=300)
    parser.add_argument("--jackknives", type=int, default=120)
    words = parser.parse_args()
    torch.set_num_threads(1)
    began = time.process_time()
    tables = {case.name: held(case, words.references, words.draws, words.jackknives) for case in CASES}
    possible = {"t": words.references * (words.draws // LEAST_DRAWS), "one": words.references * words.jackknives}
    names = list(tables[CASES[0].name])
    for kind, title in (("t", "t-interval over 10 samples"), ("one", "interval from one sample")):
        print(f"\n{title}: how often it held the truth, in % of {possible[kind]}\n")
        print("| law | n | d | " + " | ".join(f"`{name}`" for name in names) + " |")
        print("| --- " * (3 + len(names)) + "|")
        for case in CASES:
            cells = [share(tables[case.name][name][kind], possible[kind]) for name in names]
            print(f"| {case.name} | {case.n} | {case.d} | " + " | ".join(cells) + " |")
    print(f"\n{time.process_time() - began:.0f} CPU seconds")


if __name__ == "__main__":
    main()
