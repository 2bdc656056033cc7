"""Synthetic run directories: everything a finished run leaves behind, without training anything."""

import json
import math
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from kantor.runs.directory import RunDirectory

PROTOCOL = {"data": {"name": "gaussians8", "sigma": 0.02}, "split": None, "extractor": "identity", "n_generated": 1024}


def png_bytes(width: int = 4, height: int = 4, grey: int = 128) -> bytes:
    """A grey PNG."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = (b"\0" + bytes([grey]) * width) * height
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


GIF = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
)


def score(value: float | None, half: float | None = 0.003, better: str = "lower", **more: Any) -> dict[str, Any]:
    """A card's score with a symmetric interval over draws and a floor."""
    low, high = (None, None) if value is None or half is None else (value - half, value + half)
    floor = {"value": 0.025, "low": 0.024, "high": 0.026, "n": 1024, "draws": 10}
    return {"value": value, "low": low, "high": high, "covers": "draws", "floor": floor, "better": better, **more}


def evaluation(scores: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A card's evaluation under PROTOCOL."""
    return {
        "name": "toy",
        "at_step": 500,
        "protocol_hash": "a" * 64,
        "protocol": PROTOCOL,
        "sampling": {"weights": "ema", "checkpoint": "last", "sampler": None, "nfe": None},
        "draw": {"seed": 0, "chunk": 1024, "draws": 10},
        "scores": scores,
        **more,
    }


def metrics_rows(rows: int = 20) -> str:
    """metrics.csv with a loss in each row and scores in every fifth."""
    names = ["images_seen", "steps", "critic_steps", "seconds", "train/critic_loss", "train/generator_loss"]
    lines = [",".join([*names, "val/w1", "val/critic_w1"])]
    for row in range(1, rows + 1):
        step = 25 * row
        w1 = f"{math.exp(-row / 8):.4f},{math.exp(-row / 9):.4f}" if row % 5 == 0 else ","
        lines.append(f"{step * 1280},{step},{5 * step},{step / 20},{-1 / row:.4f},{0.1 * row:.3f},{w1}")
    return "\n".join(lines) + "\n"


def write_run(
    path: Path,
    *,
    experiment: str = "point_demo_gp",
    seed: int = 0,
    config_hash: str = "1" * 64,
    state: str = "finished",
    scores: dict[str, Any] | None = None,
    evaluations: list[dict[str, Any]] | None = None,
    config: dict[str, Any] | None = None,
    card: dict[str, Any] | None = None,
    status: dict[str, Any] | None = None,
    bare: bool = False,
) -> RunDirectory:
    """Write a run. `bare` leaves out card, metrics, pictures and environment, as at the start of a run."""
    run = RunDirectory(path)
    path.mkdir(parents=True)
    counters = {"images_seen": 640_000, "steps": 500, "critic_steps": 2500}
    settings = {"experiment": experiment, "seed": seed, "primary_score": "w1", "budget": {"steps": 500}}
    run.config_yaml.write_text(yaml.safe_dump(settings | {"data": {"name": "gaussians8"}} | (config or {})))
    attempt = {
        "started": "2026-01-01T10:00:00+00:00",
        "ended": None,
        "from_step": 0,
        "to_step": None,
    }
    attempt |= {"outcome": None, "device": "cpu: AMD EPYC", "processes": 1, "threads": 2}
    told = {"layout": 1, "state": state, "reason": None, "budget": {"steps": 500, "minutes": None}}
    run.status_json.write_text(json.dumps(told | {"counters": counters, "attempts": [attempt]} | (status or {})))
    if bare:
        return run
    if evaluations is None:
        evaluations = [evaluation(scores if scores is not None else {"w1": score(0.051)})]
    cost = {"train_seconds": 25.0, "evaluate_seconds": 1.5, "peak_memory_bytes": 300 * 2**20}
    cost["parameters"] = {"generator": 33_538, "critic": 33_281}
    facts = {"kantor": "0.1.0", "experiment": experiment, "config_hash": config_hash, "seed": seed, "status": state}
    facts |= {"processes": 1, "budget": counters, "cost": cost, "evaluations": evaluations}
    run.card_json.write_text(json.dumps(facts | (card or {})))
    run.environment_json.write_text(json.dumps({"kantor": "0.1.0", "versions": {"torch": "2.15"}}))
    run.metrics_csv.write_text(metrics_rows())
    run.samples.mkdir()
    for step in (250, 500):
        (run.samples / f"step_{step:08d}.png").write_bytes(png_bytes())
    (run.samples / "samples.gif").write_bytes(GIF)
    run.figures.mkdir()
    (run.figures / "contours.png").write_bytes(png_bytes())
    run.report_html.write_text("<p>page</p>")
    return run


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., RunDirectory]:
    """`make_run("a", seed=1, …)`: a synthetic run below tmp_path."""
    return lambda name, **settings: write_run(tmp_path / name, **settings)


@pytest.fixture
def card_score() -> Callable[..., dict[str, Any]]:
    """`card_score(0.05, half=0.003, better="lower")`: a score as a card holds it."""
    return score


@pytest.fixture
def card_evaluation() -> Callable[..., dict[str, Any]]:
    """`card_evaluation({"w1": …}, protocol_hash=…)`: an evaluation as a card holds it."""
    return evaluation
