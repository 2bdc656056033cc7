"""`kantor train -m`: Hydra's multirun. A failed job takes no other down; the same sweep again does what is missing."""

import contextlib
import json
import math
import os
import sys
import traceback
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.types import IntervalSweep, Override
from omegaconf import DictConfig

from kantor.atomic import write_json
from kantor.causes import told
from kantor.cli import stops
from kantor.config.compose import compose, finish
from kantor.config.files import CONF
from kantor.config.grammar import literal, parse, quoted, search_path
from kantor.errors import UserError
from kantor.messages import say, show
from kantor.paths import path_of
from kantor.report.summary import summarise
from kantor.visible import visible

RESULT = "job.json"
FULL_ERROR = "HYDRA_FULL_ERROR"


def sweep(words: list[str], config_dirs: list[str]) -> int:
    """Run every combination.

    Args:
        words: overrides in Hydra's grammar, some with several values.
        config_dirs: directories with further groups.

    Returns:
        0 when every job is done, 2 when jobs failed by wrong input alone, 1 otherwise.

    Raises:
        UserError: an override is wrong for every job.
    """
    words = [literal(word, several=True) for word in words]
    parsed = parse(words)
    outputs = _check(parsed, words, config_dirs)
    directory = path_of(outputs) / "sweeps" / f"{datetime.now():%Y-%m-%d_%H-%M-%S}_{os.getpid()}"
    arguments = [*search_path(config_dirs), *words, f"hydra.sweep.dir={quoted(str(directory))}"]
    with _command_line(["kantor", "--multirun", *arguments]), _errors_of_ours(), stops.leading(directory):
        hydra.main(version_base="1.3", config_path=str(CONF.absolute()), config_name="train")(job)()
    return _summary(directory)


def _check(parsed: list[Override], words: list[str], config_dirs: list[str]) -> str:
    """Compose the first value of every sweep, and each other value beside the first ones; the outputs directory."""
    values = [_values(override, word) for override, word in zip(parsed, words, strict=True)]
    ours = [index for index, override in enumerate(parsed) if not override.key_or_group.startswith("hydra")]
    first = [values[index][0] for index in ours]
    cfg = compose(first, config_dirs=config_dirs)
    for place, index in enumerate(ours):
        for value in values[index][1:]:
            compose([*first[:place], value, *first[place + 1 :]], config_dirs=config_dirs)
    launcher = next((override.value() for override in parsed if override.key_or_group == "hydra/launcher"), "basic")
    if launcher == "joblib" and cfg.trainer.devices > 1:
        raise UserError(
            "hydra/launcher=joblib with trainer.devices above 1: the jobs' processes would collide; take one of the two"
        )
    return str(cfg.outputs)


def _values(override: Override, word: str) -> list[str]:
    """One `key=value` per value of a sweep."""
    if not override.is_sweep_override():
        return [word]
    if override.is_interval_sweep():  # a sweeper such as optuna draws from it
        lowest = override.value()
        assert isinstance(lowest, IntervalSweep)
        return [f"{override.key_or_group}={lowest.start}"]
    return [f"{override.key_or_group}={value}" for value in override.sweep_string_iterator()]


def job(composed: DictConfig) -> float:
    """One job of a sweep.

    Returns:
        The primary score for the sweeper; NaN when the job failed, was stopped or was not scored.
    """
    score, directory = math.nan, Path(HydraConfig.get().sweep.dir)
    with stops.following(directory):
        stops.check(directory)
        score = _done(composed)
    return score


def _done(composed: DictConfig) -> float:
    from kantor.engine.train import train

    result: dict[str, Any] = {"overrides": list(HydraConfig.get().overrides.task), "error": None}
    score = math.nan
    try:
        directory = train(finish(composed, HydraConfig.get()))
        result["run"] = str(directory.path)
        primary = summarise(directory).primary
        if primary is not None and primary.value is not None:
            score = primary.value
    except Exception as error:  # the other jobs go on
        if os.environ.get("KANTOR_TRACEBACK") == "1":
            traceback.print_exc()
        result["error"] = {"kind": type(error).__name__, "text": told(error)}
        say(f"{' '.join(result['overrides'])} failed: {told(error)}")
    write_json(Path(HydraConfig.get().runtime.output_dir) / RESULT, result)
    return score


def _summary(directory: Path) -> int:
    results = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(directory.rglob(RESULT))]
    failed = [result for result in results if result["error"] is not None]
    for result in results:
        words = " ".join(result["overrides"])
        show(visible(f"{'failed' if result['error'] else 'done  '}  {words}  {result.get('run', '')}".rstrip()))
    print(f"{len(results) - len(failed)} of {len(results)} jobs done")
    if not results:
        return 1
    if any(result["error"]["kind"] != "UserError" for result in failed):
        return 1
    return 2 if failed else 0


@contextlib.contextmanager
def _errors_of_ours() -> Iterator[None]:
    """Hydra ends the process with words of its own where it fails; here its errors come out."""
    before = os.environ.get(FULL_ERROR)
    os.environ[FULL_ERROR] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[FULL_ERROR]
        else:
            os.environ[FULL_ERROR] = before


@contextlib.contextmanager
def _command_line(words: list[str]) -> Iterator[None]:
    before = sys.argv
    sys.argv = words
    try:
        yield
    finally:
        sys.argv = before
