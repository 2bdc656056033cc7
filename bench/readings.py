"""What is said of generators whose worth is known, and how often: the tables of readings in docs/statistics.md.

    python bench/readings.py [--seeds 200] [--of pictures points]

For each seed, training and held-out data are drawn, then ten draws of each generator, and all scores are read as pages
read them. Features are those of `bench/coverage.py`, skewed, correlated and partly zero, in four modes that stand for
classes; what is seen of shapes goes with them, from rendered pictures.
"""

import argparse
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import torch

from kantor.data.module import PointData
from kantor.data.points import Line, PointDistribution, gaussians8
from kantor.data.shapes5 import PurdueShapes5
from kantor.evaluation.extractors import Pixels
from kantor.evaluation.extractors.base import Features
from kantor.evaluation.feature_cache import cut
from kantor.evaluation.picture_comparison import PictureSetting, Reference
from kantor.evaluation.picture_scores import PICTURE_SCORES
from kantor.evaluation.picture_tests import PICTURE_TESTS, FirstDraw
from kantor.evaluation.points import PointEvaluation
from kantor.evaluation.score import Score
from kantor.evaluation.score_definition import DrawScores, applying
from kantor.evaluation.shape_detection import with_detections
from kantor.processes import Processes
from kantor.report.cards import Evaluation, read_score
from kantor.report.readings import readings
from kantor.samplers.direct import Direct

N, DRAWS, TRAINING, DIMENSIONS, MODES, POOL = 100, 10, 1000, 8, 4, 500
SETTING = PictureSetting(
    n_real=N, n_generated=N, k=5, classes=MODES, conditional=MODES, has_detections=True, transport=True, infinity=4,
    memory=TRAINING,
)  # fmt: skip
TOY = PointEvaluation(
    name="toy", n=64, draws=DRAWS, chunk=64, seed=0, weights="auto", checkpoint="last", bins=16, every=1, scores=None,
    threads=1, sampler=Direct(), classes=None, likelihood=None, nfe=None, extractor=None,
)  # fmt: skip


@cache
def shapes_seen() -> torch.Tensor:
    """Of rendered pictures, one row each; in the last one nothing is seen."""
    data = PurdueShapes5(
        name="purdue_shapes5", archive=None, render_seed=77, batch_size=1, size=POOL, flip=False, resident=False,
        identity="auto", seed=0,
    )  # fmt: skip
    found = with_detections(Pixels(8), data)(data.train.take(np.arange(POOL))).detections
    assert found is not None
    return torch.cat([found, torch.zeros_like(found[:1])])


def features_of(hidden: torch.Tensor, which: torch.Tensor, rng: torch.Generator) -> Features:
    """Of hidden numbers (n, 6) around the places of their modes."""
    mixing = torch.Generator().manual_seed(1)  # of everybody
    first = torch.randn(6, 4 * DIMENSIONS, generator=mixing, dtype=torch.float64)
    noise = 0.5 * torch.randn(len(hidden), 4 * DIMENSIONS, generator=rng, dtype=torch.float64)
    features = (hidden @ first / 6**0.5 + noise).relu().unflatten(1, (DIMENSIONS, 4)).mean(2)
    seen = torch.where(torch.rand(len(which), generator=rng) < 0.9, which, (which + 1) % MODES)
    logits = 4 * torch.nn.functional.one_hot(seen, MODES) + torch.randn(len(which), MODES, generator=rng).double()
    rows = torch.randint(POOL, (len(which),), generator=rng)
    return Features(features, logits, shapes_seen()[rows], which)


def law(n: int, rng: torch.Generator, *, modes: int = MODES) -> Features:
    """Fresh data."""
    places = 1.5 * torch.randn(MODES, 6, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    which = torch.randint(modes, (n,), generator=rng)
    return features_of(places[which] + torch.randn(n, 6, generator=rng, dtype=torch.float64), which, rng)


def picked(found: Features, rows: torch.Tensor, noise: float, rng: torch.Generator) -> Features:
    """Some rows, with noise in units of the features' spread."""
    chosen = Features(*(None if each is None else each[rows] for each in found))
    shake = torch.randn(chosen.features.shape, generator=rng, dtype=torch.float64) * found.features.std(0)
    return chosen._replace(features=chosen.features + noise * shake)


def grey(training: Features, n: int) -> Features:
    """One picture again and again, the mean of all, in which nothing is seen."""
    assert training.logits is not None
    return Features(
        training.features.mean(0).expand(n, -1).clone(),
        training.logits.mean(0).expand(n, -1).clone(),
        shapes_seen()[-1].expand(n, -1).clone(),
        torch.arange(n) % MODES,
    )


def static(training: Features, n: int, rng: torch.Generator) -> Features:
    """Noise, wider than the data, in which nothing is seen."""
    wide = 3 * torch.randn(n, DIMENSIONS, generator=rng, dtype=torch.float64) * training.features.std(0)
    return Features(
        training.features.mean(0) + wide,
        torch.randn(n, MODES, generator=rng, dtype=torch.float64),
        shapes_seen()[-1].expand(n, -1).clone(),
        torch.arange(n) % MODES,
    )


Pictures = Callable[[Features, int, torch.Generator], Features]
PICTURES: dict[str, Pictures] = {
    "fresh real data": lambda training, n, rng: law(n, rng),
    "training data again": lambda training, n, rng: picked(
        training, torch.randperm(TRAINING, generator=rng)[:n], 0, rng
    ),
    "the same, faint noise": lambda training, n, rng: picked(
        training, torch.randperm(TRAINING, generator=rng)[:n], 0.01, rng
    ),
    "a constant picture": lambda training, n, rng: grey(training, n),
    "noise": static,
    "one class": lambda training, n, rng: law(n, rng, modes=1),
    "five pictures, shaken": lambda training, n, rng: picked(
        law(5, torch.Generator().manual_seed(3)), torch.randint(5, (n,), generator=rng), 0.05, rng
    ),
}


def of_pictures(seed: int) -> dict[str, dict[str, Score]]:
    """The scores of each generator against data of a seed."""
    rng = torch.Generator().manual_seed(seed)
    training, held_out = law(TRAINING, rng), [law(N, rng) for _ in range(DRAWS)]
    target = cut(training, slice(0, N))
    reference, scores = Reference(target, SETTING), applying(PICTURE_SCORES, SETTING)
    floors = [DrawScores.of(scores, reference.compare(each), with_spreads=False) for each in held_out]
    found = {}
    for name, generator in PICTURES.items():
        draws = [generator(training, N, rng) for _ in range(DRAWS)]
        own = [DrawScores.of(scores, reference.compare(each), with_spreads=False) for each in draws]
        tested = DrawScores.of(
            PICTURE_TESTS,
            FirstDraw(
                real=target, generated=draws[0], training=lambda: training, held_out=lambda: held_out[0], k=5,
                rng=lambda purpose: np.random.default_rng(seed),
            ),
            with_spreads=True,
        )  # fmt: skip
        found[name] = {
            score.name: score.over_draws(own, floors, floor_n=N, floor_kind="held-out pictures") for score in scores
        } | {test.name: test.over_draws([tested], [], floor_n=0, floor_kind="") for test in PICTURE_TESTS}
    return found


def one_place(distribution: PointDistribution, n: int, rng: np.random.Generator) -> np.ndarray:
    """Points of one mode, or of one end of a line."""
    many = distribution.sample(20 * n, rng)
    first = distribution.sample(1, np.random.default_rng(1))
    return many[np.argsort(np.linalg.norm(many - first, axis=1))[:n]]


Points = Callable[[PointDistribution, int, np.random.Generator], np.ndarray]
POINTS: dict[str, Points] = {
    "fresh real data": lambda truth, n, rng: truth.sample(n, rng),
    "evenly spread": lambda truth, n, rng: truth.sample(n, rng, stratified=True),
    "a constant point": lambda truth, n, rng: np.repeat(truth.sample(1, np.random.default_rng(1)), n, axis=0),
    "noise": lambda truth, n, rng: rng.normal(0, 4, (n, 2)),
    "one mode": one_place,
    "five points, shaken": lambda truth, n, rng: (
        truth.sample(5, np.random.default_rng(3))[rng.integers(0, 5, n)] + rng.normal(0, 0.01, (n, 2))
    ),
}
TRUTHS = {"gaussians8": gaussians8(0.1, 1.414), "line": Line(0.0)}


def of_points(seed: int) -> dict[str, dict[str, Score]]:
    """The scores of each generator against both laws; one that both have is that of the modes."""
    found: dict[str, dict[str, Score]] = {name: {} for name in POINTS}
    for number, (name, truth) in enumerate(TRUTHS.items()):
        data = PointData(name=name, distribution=truth, batch_size=8, seed=0)
        for generator, draw in POINTS.items():
            rng = np.random.default_rng([seed, number])
            draws = [draw(truth, TOY.n, rng) for _ in range(DRAWS)]
            scores = replace(TOY, seed=seed).score_draws(draws, data, Processes(), lambda points: points[:, 0])
            found[generator] = scores | found[generator]
    return found


def read(scores: dict[str, Score], n: int) -> dict[str, str]:
    """What pages say."""
    values = {name: read_score(name, score.plain(), n) for name, score in scores.items()}
    return readings(Evaluation("", None, "", {}, {}, {}, values))


OF = {"pictures": (of_pictures, N), "points": (of_points, TOY.n)}
COLUMNS = {"as real data": ("as ",), "worse": ("worse",), "beyond": ("beyond",)}
SEEN = {
    "one_nn_p_apart": "told apart",
    "one_nn_p_copied": "lying on",
    "coverage_p": "reaching less",
    "memorisation_p": "memorised",
    "critic_w1": "below 0",
}
"""What is counted of scores that are not ranked: how what is said of them begins."""


def cell(name: str, said: Counter[str]) -> str:
    """How often a score was read as which, or what a test has seen how often."""
    begins = [(SEEN[name],)] if name in SEEN else COLUMNS.values()
    return " / ".join(str(sum(count for text, count in said.items() if text.startswith(each))) for each in begins)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--of", nargs="+", choices=OF, default=list(OF))
    words = parser.parse_args()
    torch.set_num_threads(1)
    began = time.process_time()
    for what in words.of:
        score, n = OF[what]
        counted: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
        for seed in range(words.seeds):
            for generator, scores in score(seed).items():
                for name, said in read(scores, n).items():
                    counted[name][generator][said] += 1
        names = PICTURES if what == "pictures" else POINTS
        print(f"\n{what}, of {words.seeds} seeds: {' / '.join(COLUMNS)}; the rest has no reading\n")
        print("| score | " + " | ".join(names) + " |")
        print("| --- " * (1 + len(names)) + "|")
        for name, by_generator in counted.items():
            if all(set(said) == {""} for said in by_generator.values()):
                continue
            title = f"`{name}`" + (f": {SEEN[name]}" if name in SEEN else "")
            print(f"| {title} | " + " | ".join(cell(name, by_generator[each]) for each in names) + " |")
    print(f"\n{time.process_time() - began:.0f} CPU seconds")


if __name__ == "__main__":
    main()
