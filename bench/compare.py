"""CPU seconds of `kantor compare` for 100 runs, its files included, beside a bare read of the same cards as JSON.

    python bench/compare.py [--runs 200 1000]

One run of 100 steps is trained and copied, five seeds to a method, with other scores in each. Goals: 8 s for 200 runs,
60 s for 1,000.
"""

import argparse
import json
import random
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

import kantor
from kantor.report.compare import compare
from kantor.runs.directory import RunDirectory
from kantor.runs.finding import named

SEEDS = 5


def copy(source: Path, target: Path, *, method: int, seed: int) -> None:
    """A run of another method and seed; its scores are the method's own with some scatter."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("checkpoints", "report.html", "figures"))
    draw = random.Random(f"{method} {seed}")
    factor = 1 + 0.05 * method + 0.1 * draw.random()
    config_hash = f"{method:064x}"
    config = yaml.safe_load((target / "config.yaml").read_text())
    config["objective"]["penalty_weight"] = 0.1 * (1 + method)
    (target / "config.yaml").write_text(yaml.safe_dump({**config, "seed": seed}))
    for name in ("environment.json", "card.json"):
        change(target / name, {"config_hash": config_hash, "seed": seed})
    for file in (target / "evaluations").glob("*.json"):
        change(file, scaled(json.loads(file.read_text()), factor, f"{method:032x}{seed:032x}"))
    card = json.loads((target / "card.json").read_text())
    digest = f"{method:032x}{seed:032x}"
    change(target / "card.json", {"evaluations": [scaled(one, factor, digest) for one in card["evaluations"]]})


def scaled(evaluation: dict[str, Any], factor: float, digest: str) -> dict[str, Any]:
    """Scores times a factor, by weights of another digest."""
    scores = {
        name: {**score, **{end: score[end] and factor * score[end] for end in ("value", "low", "high")}}
        for name, score in evaluation["scores"].items()
    }
    return {**evaluation, "scores": scores, "digest": digest}


def change(path: Path, values: dict[str, Any]) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def cpu_seconds(of: Any) -> float:
    began = time.process_time()
    of()
    return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, nargs="+", default=[200, 1000])
    counts = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as place:
        trained = kantor.train(
            overrides=[
                "experiment=point_demo_gp",
                "budget.steps=100",
                f"outputs={place}/trained",
                "trainer.progress=false",
            ]
        )
        source = Path(trained.path)
        compare([RunDirectory(source)], Path(place) / "warm")
        for count in counts:
            root = Path(place) / f"of-{count}"
            for run in range(count):
                method, seed = divmod(run, SEEDS)
                copy(source, root / f"m{method:03d}" / f"s{seed}", method=method, seed=seed)
            cards = list(root.rglob("card.json"))
            bare = cpu_seconds(lambda cards=cards: [json.loads(card.read_text()) for card in cards])
            whole = cpu_seconds(lambda root=root, out=Path(place) / f"out-{count}": compare(named([str(root)]), out))
            print(
                f"{count:5d} runs: {whole:6.2f} s of CPU, {100 * whole / count:.2f} s for 100; "
                f"{whole / bare:.0f} times a bare read of the cards ({1000 * bare / count:.2f} ms each)"
            )


if __name__ == "__main__":
    main()
