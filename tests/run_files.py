"""What the small files of a run hold at least, and a run made of them without any training."""

from pathlib import Path
from typing import Any

import yaml

from kantor.atomic import append_rows, write_json, write_text
from kantor.digests import sha256
from kantor.runs.directory import LAYOUT, RunDirectory

MADE_BY = {"command": ["kantor", "train"], "kantor": {"version": "9.9.9", "git": None}, "project": None}
STATUS = {
    "layout": LAYOUT,
    "state": "finished",
    "reason": None,
    "budget": {"steps": 40, "minutes": None},
    "counters": {"images_seen": 400, "steps": 40},
    "cost": {"train_seconds": 1.5, "peak_memory_bytes": 1000},
    "attempts": [
        {
            "started": "2030-01-01T00:00:00+00:00",
            "ended": "2030-01-01T00:00:09+00:00",
            "from_step": 0,
            "to_step": 40,
            "outcome": "finished",
            "device": "cpu: a",
            "processes": 1,
            "threads": 1,
            "torch": "2.10",
        }
    ],
}
ENVIRONMENT = {
    "kantor": "9.9.9",
    "experiment": "small",
    "seed": 0,
    "config_hash": "a" * 64,
    "code": {"kantor.nets.mlp.MLP": "b" * 64},
    "processes": 1,
    "data": {"name": "gaussians8", "fingerprint": "c" * 64},
    "parameters": {"generator": 7},
    "made_by": MADE_BY,
    "content": "points",
    "preset": "toy",
    "step": "one step",
    "words": {},
    "charts": [
        {
            "file": "losses_of_all",
            "title": "Losses",
            "lines": {"train/loss": "loss"},
            "mark": [1.0, "one"],
            "limits": [0, 2],
            "floor_of": "w1",
            "meaning": "m",
            "good": "g",
            "suspicious": "s",
        }
    ],
}
CONFIG = {
    "experiment": "small",
    "primary_score": "w1",
    "seed": 0,
    "outputs": "outputs",
    "rerun": False,
    "budget": {"steps": 40, "images": None, "minutes": None},
    "trainer": {
        "accelerator": "cpu",
        "nodes": 1,
        "devices": 1,
        "threads": 1,
        "precision": "32-true",
        "matmul_precision": "highest",
        "compile": False,
        "log_every": 5,
        "checkpoint_every": 10,
        "progress": False,
    },
    "data": {"_target_": "kantor.data.module.PointData", "name": "gaussians8"},
    "ema": {"_target_": None},
    "evaluation": {"_target_": "kantor.evaluation.points.PointEvaluation", "name": "toy"},
}
FLOOR = {"value": 0.1, "low": 0.05, "high": 0.15, "n": 64, "kind": "fresh draws", "values": [0.1] * 10}
SCORE = {
    "value": 0.5,
    "low": 0.4,
    "high": 0.6,
    "values": [0.5] * 10,
    "covers": "draws",
    "better": "lower",
    "aspect": "whole",
    "depends_on_n": True,
    "bounds": [0, None],
    "meaning": "exact distance",
    "good": "low",
    "suspicious": "below real data",
    "function": "kantor.metrics.transport.wasserstein",
    "source": "Kantorovich 1942",
    "floor": FLOOR,
    "protocol_hash": "e" * 64,
}
ESTIMATES = {"w1": {"value": 0.5, "low": 0.4, "high": 0.6}}


def hashed(evaluation: dict[str, Any]) -> dict[str, Any]:
    """An evaluation with the hashes that its protocol has."""
    protocol, scores = evaluation["protocol"], evaluation["scores"]
    estimators = {name: protocol.get("estimators", {}).get(name, {}) for name in scores}
    return {
        **evaluation,
        "protocol": {**protocol, "estimators": estimators},
        "protocol_hash": sha256({**protocol, "estimators": {}}),
        "scores": {
            name: {**score, "protocol_hash": sha256({**protocol, "estimators": {name: estimators[name]}})}
            for name, score in scores.items()
        },
    }


WHOLE = {
    "name": "toy",
    "at_step": 40,
    "protocol_hash": "d" * 64,
    "protocol": {
        "data": {"name": "gaussians8"},
        "split": {"real": "fresh draws"},
        "extractor": "identity",
        "n_real": 64,
        "n_generated": 64,
        "estimators": {"w1": {"solver": "exact"}, "coverage": {"k": 5}},
    },
    "sampling": {"checkpoint": "last", "weights": "ema", "sampler": "direct", "nfe": 1},
    "draw": {"seed": 0, "chunk": 32, "draws": 10},
    "digest": "f" * 64,
    "made_by": MADE_BY,
    "scores": {"w1": SCORE, "coverage": {**SCORE, "better": "target", "target": 1, "aspect": "narrow"}},
    "error_budget": {
        "rows": [{"nfe": n, "seconds": 0.01 * n, "whole": ESTIMATES, "learning": ESTIMATES} for n in (2, 4)],
        "floor": ESTIMATES,
    },
}
EVALUATION = hashed(WHOLE)
CARD = {
    "kantor": "9.9.9",
    "experiment": "small",
    "config_hash": "a" * 64,
    "seed": 0,
    "status": "finished",
    "processes": 1,
    "made_by": MADE_BY,
    "budget": {"images_seen": 400, "steps": 40},
    "cost": {
        "train_seconds": 1.5,
        "evaluate_seconds": 0.5,
        "peak_memory_bytes": 1000,
        "parameters": {"generator": 7},
    },
    "evaluations": [EVALUATION],
}
HEALTH = {"findings": [{"step": 10, "check": "collapse", "message": "all samples are one", "gone": None}]}
ROWS = [
    {"images_seen": 10 * step, "steps": step, "seconds": 0.1 * step, "train/loss": 1 / step, "val/w1": 1 / step}
    for step in range(5, 45, 5)
]


def write_files(path: Path, **entries: object) -> RunDirectory:
    """A finished run of small files; `entries` stand in all of them that have such an entry."""
    run = RunDirectory(path)
    run.create()

    def changed(whole: dict[str, object]) -> dict[str, object]:
        return {**whole, **{key: value for key, value in entries.items() if key in whole}}

    write_json(run.environment_json, changed(ENVIRONMENT))
    write_text(run.config_yaml, yaml.dump(changed(CONFIG), sort_keys=False, Dumper=WithoutAliases))
    append_rows(run.metrics_csv, list(ROWS[0]), ROWS, whole=True)
    write_json(run.evaluations / "toy-0123456789.json", {**EVALUATION, "seconds": 0.5})
    write_json(run.card_json, changed(CARD))
    write_json(run.path / "health.json", HEALTH)
    write_json(run.status_json, changed(STATUS))
    return run


class WithoutAliases(yaml.SafeDumper):
    """Writes a value out wherever it stands."""

    def ignore_aliases(self, data: object) -> bool:
        """Everywhere."""
        return True


def begun(path: Path, *, layout: int = LAYOUT) -> RunDirectory:
    """A directory in which a run was begun, and no more."""
    directory = RunDirectory(path)
    directory.create()
    write_json(directory.status_json, {**STATUS, "layout": layout})
    write_text(directory.config_yaml, yaml.safe_dump(CONFIG))
    write_json(directory.environment_json, ENVIRONMENT)
    return directory
