"""What the commands do: train, extend, evaluate, sample; each a straight path from configuration to files."""

import contextlib
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np
import torch
import yaml
from omegaconf import DictConfig, OmegaConf
from torch import Tensor

from kantor import keyed
from kantor.atomic import write_json, write_text
from kantor.config import compose as config
from kantor.config import targets
from kantor.config.checks import check_values
from kantor.data import pixels
from kantor.engine import assembly
from kantor.engine import fit as training
from kantor.engine import score as scoring
from kantor.errors import Interrupted, UserError
from kantor.evaluation.base import PRESETS
from kantor.evaluation.generation import generate, reproducible
from kantor.messages import say
from kantor.models.base import GenerativeModel, Weights
from kantor.processes import Processes, announcing, follow, given_rank, launch
from kantor.report.figures import write_figures
from kantor.report.page import write_report
from kantor.runs import checkpoints
from kantor.runs.attempts import Attempt, attempt, environment, machine_changes, new_status
from kantor.runs.card import write_card, write_evaluation
from kantor.runs.directory import RunDirectory
from kantor.runs.identity import code_hashes, config_hash

SAMPLE_CHUNK = 256
"""Samples drawn as one batch by `sample`: the first 64 of 100 are those of 64."""


@dataclass(frozen=True)
class Plan:
    """How an attempt begins: from which checkpoint, at which step."""

    checkpoint: Path | None
    from_step: int


def train(cfg: DictConfig) -> RunDirectory:
    """Train and score one run: new, or on from its last checkpoint; nothing when it is finished.

    Raises:
        UserError: the configuration is wrong (then nothing is written), or the run cannot be gone on with.
        Interrupted: a signal stopped it; it has saved itself.
    """
    model = training.check(cfg)  # before anything is written
    cfg = assembly.identified(cfg)
    plain = to_plain(cfg)
    directory = place(plain)
    if given_rank() > 0:  # torchrun or SLURM started us beside a rank 0 that leads
        follow(lambda plan: training.fit(plain, directory.path, plan.checkpoint), devices=cfg.trainer.devices)
        return directory
    config.build(cfg.data, seed=cfg.seed).prepare_data()
    directory.create()
    with directory.lock(), announcing(cfg.trainer.devices) as announce:
        plan = prepare(directory, cfg, model)
        announce(plan)
        if plan is None:
            return directory
        try:
            with attempt(directory, cfg, from_step=plan.from_step) as trying:
                result = launch(training.fit, plain, directory.path, plan.checkpoint, devices=cfg.trainer.devices)
                conclude(directory, trying, result)
        except BaseException:
            with contextlib.suppress(OSError, UserError):  # the page is not worth hiding the error
                write_report(directory)
            raise
    return directory


def place(plain: dict[str, Any]) -> RunDirectory:
    """The directory of a configuration: outputs/EXPERIMENT/HASH-sSEED."""
    name = f"{config_hash(plain)[:10]}-s{plain['seed']}"
    return RunDirectory(Path(plain["outputs"]) / plain["experiment"] / name)


def to_plain(cfg: DictConfig) -> dict[str, Any]:
    """A configuration as plain containers."""
    plain: Any = OmegaConf.to_container(cfg, resolve=True)
    return plain


def prepare(directory: RunDirectory, cfg: DictConfig, model: GenerativeModel) -> Plan | None:
    """Make the directory ready for an attempt; None when the run is finished already.

    Raises:
        UserError: it was finished by other code, or its checkpoints are damaged.
    """
    code = code_hashes(to_plain(cfg))
    if directory.exists:
        RunDirectory.open(directory.path)
        if cfg.rerun:
            directory.clear()
        elif directory.status()["state"] == "finished":
            _say_finished(directory, code, cfg)
            return None
    if not directory.exists:
        parameters = model.parameter_counts()
        fingerprint = config.build(cfg.data, seed=cfg.seed).fingerprint
        whole_hash = config_hash(to_plain(cfg))
        made = environment(cfg, config_hash=whole_hash, code=code, parameters=parameters, fingerprint=fingerprint)
        write_json(directory.environment_json, made)
        write_json(directory.status_json, new_status(cfg.budget, assembly.budget_steps(cfg, model)))
    elif directory.environment()["code"] != code:
        say(f"{directory.path}: going on with code that has changed since the run began")
        before = directory.environment()
        changed = [*before.get("code_before", []), before["code"]]
        write_json(directory.environment_json, {**before, "code": code, "code_before": changed})
    write_config(directory, to_plain(cfg))
    directory.sweep_temporaries()
    checkpoint, note = checkpoints.to_resume(directory)
    if note is not None:
        say(note)
        checkpoint = checkpoints.promote_previous(directory)
    from_step = 0 if checkpoint is None else checkpoints.counters(checkpoint)["steps"]
    if from_step:
        say(f"{directory.path}: going on from step {from_step}")
        for what, then, now in machine_changes(directory, cfg):
            say(f"{what} was {then} and is {now} now: the result need not equal an uninterrupted run's bit for bit")
    directory.cut_metrics(from_step)
    return Plan(checkpoint, from_step)


def write_config(directory: RunDirectory, plain: dict[str, Any]) -> None:
    """Write config.yaml."""
    write_text(directory.config_yaml, yaml.safe_dump(plain, sort_keys=False, allow_unicode=True))


def _say_finished(directory: RunDirectory, code: dict[str, str], cfg: DictConfig) -> None:
    before = directory.environment()["code"]
    changed = sorted(name for name in {*before, *code} if before.get(name) != code.get(name))
    if changed:
        raise UserError(
            f"{directory.path} is finished, but by other code than this ({', '.join(changed)} differ): "
            "rerun=true trains it again"
        )
    preset = "" if cfg.evaluation.name != "none" else f" evaluation={PRESETS[config.build(cfg.data, seed=0).content]}"
    again = f"rerun=true trains it again, `kantor evaluate run={shlex.quote(str(directory.path))}{preset}` scores it"
    say(f"{directory.path} is finished already: nothing to do; {again}")


def conclude(directory: RunDirectory, trying: Attempt, result: dict[str, Any]) -> None:
    """Write how an attempt ended: status, evaluation, card, figures, page.

    Raises:
        Interrupted: a signal ended it.
    """
    trying.status["cost"] = result["cost"]
    if result["interrupted"] is not None:
        trying.end("interrupted", state="running", counters=result["counters"])
        raise Interrupted(result["interrupted"])
    if result["evaluation"] is not None:
        write_evaluation(directory, result["evaluation"])
    done, planned = result["counters"]["steps"], trying.status["budget"]["steps"]
    early = planned is not None and done < planned
    reason = f"a callback ended training early, at step {done:,} of {planned:,}" if early else None
    trying.end("finished", state="finished", counters=result["counters"], reason=reason)
    publish(directory)


def publish(directory: RunDirectory) -> None:
    """Write what is put together from the run's other files: card, figures, page."""
    write_card(directory)
    write_figures(directory)
    write_report(directory)


def extend(directory: RunDirectory, overrides: list[tuple[str, Any]]) -> RunDirectory:
    """Go on with a finished run to a larger budget, as a new run that starts from a copy of the old one.

    Raises:
        UserError: the run is not finished, the budget is not larger, or something else of the weights differs.
    """
    old = directory.config()
    targets.check_trust(old)
    beside = str(directory.path.resolve().parents[1])  # the old run may have been moved
    new = config.replaced(old, [("rerun", False), ("outputs", beside), *overrides])
    check_values(new)
    if directory.status()["state"] != "finished":
        raise UserError(f"run={directory.path} is not finished: `kantor train experiment=…` goes on with it as it is")
    if config_hash({**new, "budget": old["budget"]}) != config_hash(old):
        named = ", ".join(f"{key}={value}" for key, value in overrides if not key.startswith("budget."))
        raise UserError(
            f"train run={directory.path}: {named} would make another model; only the budget can grow: budget.…=…"
        )
    cfg = OmegaConf.create(new)
    model = training.check(cfg)
    check_larger(directory, cfg, model)
    target = place(new)
    if not target.exists:
        target.create()
        for part in (directory.checkpoints, directory.samples):
            if part.is_dir():
                shutil.copytree(part, target.path / part.name, dirs_exist_ok=True)
        shutil.copy2(directory.metrics_csv, target.metrics_csv)
        write_json(target.environment_json, {**directory.environment(), "config_hash": config_hash(new)})
        write_config(target, new)
        status = new_status(cfg.budget, assembly.budget_steps(cfg, model))
        write_json(target.status_json, {**status, "extends": str(directory.path)})
    return train(cfg)


def check_larger(directory: RunDirectory, cfg: DictConfig, model: GenerativeModel) -> None:
    """Check that a budget goes beyond what a run has had.

    Raises:
        UserError: it does not.
    """
    status, steps = directory.status(), assembly.budget_steps(cfg, model)
    done = status["counters"]["steps"]
    if steps is not None and steps <= done:
        raise UserError(f"the new budget is {steps} steps, the run has had {done}: expected more")
    minutes = status["cost"]["train_seconds"] / 60
    if steps is None and cfg.budget.minutes <= minutes:
        raise UserError(f"budget.minutes={cfg.budget.minutes}: the run has had {minutes:.1f}, expected more")


def evaluate(directory: RunDirectory, plain: dict[str, Any]) -> dict[str, Any]:
    """Score a run as `plain`, its configuration with another evaluation, says; the new card.

    Raises:
        UserError: there is nothing to score, or the evaluation is wrong.
    """
    cfg = OmegaConf.create(plain)
    if cfg.evaluation.name == "none":
        preset = PRESETS[config.build(cfg.data, seed=cfg.seed).content]
        raise UserError(f"evaluation=none scores nothing: name another, such as evaluation={preset}")
    check_values(plain)
    training.check(cfg)
    checkpoints.read(directory, cfg.evaluation.checkpoint)
    config.build(cfg.data, seed=cfg.seed).prepare_data()
    result = launch(scoring.score_run, plain, directory.path, devices=cfg.trainer.devices)
    write_evaluation(directory, result)
    publish(directory)
    drawn = ", ".join(f"process {rank}: {count}" for rank, count in enumerate(result["chunks_per_process"]))
    say(f"chunks drawn by {drawn}")
    return directory.card()


def load_model(directory: RunDirectory, checkpoint: str = "last") -> GenerativeModel:
    """A run's model with its weights, in eval mode, on the CPU.

    Raises:
        UserError: there is no such checkpoint, or the run's configuration names code outside what is trusted.
    """
    model = assembly.assemble(config.trusted(directory.config())).model
    assembly.restore(model, directory, checkpoint)
    return model.eval()


def weights_named(name: str) -> Weights:
    """The weights a user names.

    Raises:
        UserError: neither `ema` nor `raw`.
    """
    if name in get_args(Weights):
        return cast("Weights", name)
    raise UserError(f"weights={name}: expected ema or raw")


def as_files_hold(samples: Tensor) -> Tensor:
    """Points as they are; pictures (n, C, H, W) as uint8 (n, H, W, C)."""
    return samples if samples.dim() == 2 else pixels.to_uint8(samples).permute(0, 2, 3, 1)


def sample(
    directory: RunDirectory, n: int, *, seed: int = 0, weights: str = "ema", checkpoint: str = "last"
) -> np.ndarray:
    """Draw samples from a run.

    Args:
        directory: the run.
        n: how many.
        seed: another seed takes other samples; the first m of n are those of m.
        weights: `ema` or `raw`.
        checkpoint: `last` or `best`.

    Returns:
        float32 (n, 2) for points, in data units; uint8 (n, H, W, C) for pictures.
    """
    if n < 1:
        raise UserError(f"n={n}: expected at least 1 sample")
    chosen = weights_named(weights)
    model = load_model(directory, checkpoint)
    with reproducible(threads=torch.get_num_threads()):
        return generate(
            lambda size, rng: as_files_hold(model.sample(size, rng=rng, weights=chosen)),
            n,
            chunk=SAMPLE_CHUNK,
            key=lambda chunk: keyed.seed(seed, "sample", chunk),
            processes=Processes(),
            device=model.device,
        )
