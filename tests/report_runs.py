"""Run directories of two families, written by what writes real ones, without training anything."""

import json
import math
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from PIL import Image

from kantor.atomic import append_rows, write_json
from kantor.config.compose import compose
from kantor.digests import sha256
from kantor.engine.assembly import Assembly, assemble
from kantor.engine.score import record
from kantor.engine.train import begin
from kantor.evaluation.score import Floor, Kind, Origin, Score, Words
from kantor.metrics.intervals import Estimate
from kantor.models.sampling import Sampling
from kantor.runs.attempts import Attempt, machine
from kantor.runs.card import write_card, write_evaluation
from kantor.runs.directory import RunDirectory
from kantor.samplers.direct import Direct

CONF = Path(__file__).parent / "conf"
STEPS = 500
SAMPLING = {**Sampling("ema", Direct()).describe(), "checkpoint": "last"}


@dataclass(frozen=True)
class Family:
    """A kind of model as report sees it."""

    run: Assembly
    losses: tuple[str, ...]
    batches_per_step: int

    def counters(self, steps: int) -> dict[str, int]:
        """What the model has counted after some steps: one batch of 256 at each of its batches."""
        batches = self.batches_per_step * steps
        return dict.fromkeys(self.run.model.counters(), batches) | {"images_seen": 256 * batches, "steps": steps}

    def metrics(self, rows: int = 20) -> list[dict[str, object]]:
        """metrics.csv with a loss in each row and scores in every fifth, 20 steps a second."""
        return [
            {
                **self.counters(25 * row),
                "seconds": 25 * row / 20,
                **{name: f"{(-1) ** index / row:.4f}" for index, name in enumerate(self.losses)},
                "val/w1": f"{math.exp(-row / 8):.4f}" if row % 5 == 0 else "",
                "val/critic_w1": f"{math.exp(-row / 9):.4f}" if row % 5 == 0 and "critic" in self.losses[0] else "",
            }
            for row in range(1, rows + 1)
        ]


def families() -> dict[str, Family]:
    """By the name of their pattern of optimisation."""
    settings = [f"budget.steps={STEPS}", "primary_score=w1"]
    gan = assemble(compose(["experiment=point_demo_gp", *settings]))
    vae = assemble(compose(["experiment=toy_vae_points", *settings], config_dirs=[str(CONF)]))
    return {
        "adversarial": Family(gan, ("train/critic_loss", "train/generator_loss"), 5),
        "variational": Family(vae, ("train/loss", "train/reconstruction", "train/kl"), 1),
    }


FLOOR = Floor(draws=[0.025] * 10, estimate=Estimate(0.025, 0.024, 0.026), n=1024, kind="fresh draws")


def score(
    value: float | None,
    half: float | None = 0.003,
    better: str = "lower",
    *,
    target: float | None = None,
    has_floor: bool = True,
    **more: Any,
) -> Score:
    """A score with a symmetric interval over draws, and a floor."""
    ends = (None, None) if value is None or half is None else (value - half, value + half)
    return Score(
        draws=["no value" if value is None else value] * 10,
        estimate=None if value is None else Estimate(value, *ends),
        kind=Kind(better, target),  # type: ignore[arg-type]
        words=Words(meaning="what a test measures", good="what is good", suspicious="what is suspicious"),
        origin=Origin(function="kantor.metrics.transport.wasserstein", source="Kantorovich 1942"),
        floor=FLOOR if has_floor else None,
        **more,
    )


def write_run(
    path: Path,
    family: Family,
    *,
    experiment: str = "demo_a",
    seed: int = 0,
    config_hash: str = "1" * 64,
    state: str = "finished",
    reason: str | None = None,
    scores: dict[str, Score] | None = None,
    evaluations: list[dict[str, Any]] | None = None,
    steps: int = STEPS,
    config: dict[str, Any] | None = None,
    bare: bool = False,
) -> RunDirectory:
    """Write a run; `bare` leaves out metrics, card and pictures, as at its start."""
    run = RunDirectory(path)
    run.create()
    named = family.run.configuration.replaced("experiment", experiment).replaced("seed", seed)
    configuration = replace(named, plain={**named.plain, **(config or {})})
    begin(replace(family.run, configuration=configuration, hash=config_hash, directory=run), code={})
    if state != "new":
        trying = Attempt(run, run.status(), {"from_step": 0, **machine(configuration.trainer)})
        trying.status["cost"] = {"train_seconds": 25.0, "peak_memory_bytes": 300 * 2**20}
        if state != "running":
            now = "running" if state == "interrupted" else state
            trying.end(trying.ended(state, state=now, counters=family.counters(steps), reason=reason))
    if bare:
        return run
    rows = family.metrics(steps // 25)
    append_rows(run.metrics_csv, list(rows[0]), rows, whole=True)
    if evaluations is None:
        evaluations = [evaluation_of(family, {"w1": score(0.051)} if scores is None else scores)]
    for place, entry in enumerate(evaluations):
        before = set(run.evaluations.glob("*"))
        write_evaluation(run, {**entry, "digest": sha256([config_hash, seed]), "seconds": 1.5})
        (file,) = set(run.evaluations.glob("*")) - before
        os.utime(file, (place, place))  # clocks of file systems tick too slowly to keep the order
    write_card(run, run.status())
    run.samples.mkdir()
    frames = [Image.new("L", (4, 4), grey) for grey in (100, 200)]
    for step, frame in zip((STEPS // 2, STEPS), frames, strict=True):
        frame.save(run.samples / f"step_{step:08d}.png")
    frames[0].save(run.samples / "samples.gif", save_all=True, append_images=frames[1:])
    run.figures.mkdir()
    frames[0].save(run.figures / "contours.png")
    return run


def evaluation_of(
    family: Family,
    scores: dict[str, Score],
    *,
    name: str = "toy",
    at_step: int = STEPS,
    draws: int = 10,
    sampling: dict[str, Any] | None = None,
    **protocol: Any,
) -> dict[str, Any]:
    """An evaluation as its file holds it; further arguments are fields of its protocol."""
    run = family.run
    assert run.evaluation is not None
    whole = replace(run.evaluation.protocol(run.data), **protocol)
    whole = replace(whole, estimators={**{key: {} for key in scores}, **whole.estimators})
    return {
        **record(
            run.evaluation,
            whole,
            scores,
            at_step=at_step,
            sampling=SAMPLING if sampling is None else sampling,
            digest="d" * 64,
            draws=draws,
        ),
        "name": name,
    }


def rename(run: RunDirectory, **values: Any) -> None:
    """Give experiment, config_hash or seed other values, in all files that have them."""
    for path in (run.card_json, run.environment_json):
        if path.is_file():
            edit(path, **values)


def edit(path: Path, **values: Any) -> None:
    """Give some of a JSON file's entries other values."""
    write_json(path, {**json.loads(path.read_text()), **values})
