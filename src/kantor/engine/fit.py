"""What each process of a training run does: fit, then score; the parent's side is in run.py."""

import hashlib
import logging
import warnings
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.plugins.environments import LightningEnvironment, SLURMEnvironment, TorchElasticEnvironment
from pytorch_lightning.strategies import DDPStrategy, Strategy

from kantor.callbacks.checkpointing import Checkpointing
from kantor.callbacks.clock import Clock
from kantor.callbacks.health import StopOnNonFinite
from kantor.callbacks.page import Page
from kantor.callbacks.progress import ProgressBar
from kantor.callbacks.record import Record
from kantor.callbacks.scores import Scores
from kantor.callbacks.stopping import StopAfterMinutes, StopOnSignal
from kantor.callbacks.watch import watch
from kantor.config import compose as config
from kantor.engine import assembly
from kantor.engine.assembly import Assembly
from kantor.engine.score import score_model
from kantor.errors import UserError
from kantor.models.adversarial import Adversarial
from kantor.models.base import GenerativeModel
from kantor.objectives.adversarial import WassersteinClipping
from kantor.processes import Processes, ranks_exist
from kantor.runs.checkpoints import AtomicCheckpointIO
from kantor.runs.directory import RunDirectory

WATCH_EVERY = 10
"""Logged rows from one measurement of gradients, spread and probabilities to the next, at most."""

WATCH_OFTEN = 12
"""Measurements in a run, at least, where it has as many rows: health checks want several that agree."""


def fit(plain: dict[str, Any], path: Path, checkpoint: Path | None) -> dict[str, Any]:
    """Train one run in this process (one of `trainer.devices`), and score it when its budget is used up.

    Args:
        plain: the configuration.
        path: the run directory, which exists.
        checkpoint: where to go on from; None for the beginning.

    Returns:
        `counters`, `cost`, `parameters`, `interrupted` (a signal's number or None) and `evaluation` (or None).
    """
    cfg, directory = OmegaConf.create(plain), RunDirectory(path)
    quiet_lightning()
    with assembly.numerics(cfg):
        parts = assembly.assemble(cfg)
        clock, stop = Clock(), StopOnSignal()
        trainer = make_trainer(cfg, parts, directory, clock, stop)
        if cfg.trainer.compile:
            parts.model.compile_networks()
        trainer.fit(parts.model, datamodule=parts.data, ckpt_path=checkpoint, weights_only=True)
        stop.received = next((one for one in Processes.current().gather(stop.received) if one is not None), None)
        evaluation = None
        parts.model.to(assembly.device(cfg))  # Lightning has put it back on the CPU
        if stop.received is None and parts.evaluation is not None:
            evaluation = score_model(parts.model, parts.data, parts.evaluation, directory)
        for logger in trainer.loggers:
            logger.finalize("success")
    peaks = Processes.current().gather(clock.peak_memory_bytes)
    if Processes.current().world > 1:
        digests = Processes.current().gather(weights_digest(parts.model))
        assert len(set(digests)) == 1, f"the weights of the processes drifted apart: {digests}"
    return {
        "counters": parts.model.counters(),
        "cost": {"train_seconds": round(clock.seconds, 3), "peak_memory_bytes": max(peaks)},
        "parameters": parts.model.parameter_counts(),
        "interrupted": stop.received,
        "evaluation": evaluation,
    }


def weights_digest(model: GenerativeModel) -> str:
    """SHA-256 over all weights and buffers, 64 hex digits."""
    digest = hashlib.sha256()
    for tensor in model.state_dict().values():
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def check(cfg: DictConfig) -> GenerativeModel:
    """Find what is wrong with a configuration before anything is written; no memory is taken for weights.

    Returns:
        The model, without weights, for what can be asked of it.

    Raises:
        UserError: something in the configuration is wrong or contradicts something else.
    """
    with torch.device("meta"):
        parts = assembly.assemble(cfg)
        _check_shapes(parts)
    _check_penalty(parts.model)
    _check_clipping(parts.model)
    make_callbacks(cfg, parts, RunDirectory("."), Clock(), StopOnSignal())
    double_backward = isinstance(parts.model, Adversarial) and parts.model.objective.double_backward
    if cfg.trainer.precision == "16-mixed":
        raise UserError(
            "trainer.precision=16-mixed: several optimizers share no loss scaler; take bf16-mixed or 32-true"
        )
    if cfg.trainer.compile and double_backward:
        raise UserError(
            "trainer.compile=true: torch.compile cannot differentiate a gradient penalty; take trainer.compile=false"
        )
    if cfg.trainer.accelerator == "gpu" and torch.cuda.device_count() < cfg.trainer.devices:
        raise UserError(
            f"trainer.accelerator=gpu trainer.devices={cfg.trainer.devices}: this machine has "
            f"{torch.cuda.device_count()} CUDA devices; take trainer.accelerator=cpu or fewer devices"
        )
    if cfg.trainer.accelerator == "mps" and not torch.backends.mps.is_available():
        raise UserError("trainer.accelerator=mps: this machine has none; take trainer.accelerator=cpu")
    return parts.model


def _check_shapes(parts: Assembly) -> None:
    try:
        parts.model.check_shapes(parts.data.sample_shape)
    except UserError as error:
        raise UserError(f"model.{error}") from error


def make_trainer(
    cfg: DictConfig, parts: Assembly, directory: RunDirectory, clock: Clock, stop: StopOnSignal
) -> pl.Trainer:
    """Lightning's trainer, with our counters, files and callbacks in place of its own."""
    steps = assembly.budget_steps(cfg, parts.model)
    logger = config.build(cfg.logger, directory=directory.path, seed=cfg.seed, experiment=cfg.experiment)
    return pl.Trainer(
        accelerator=cfg.trainer.accelerator,
        devices=cfg.trainer.devices,
        strategy=make_strategy(cfg),
        precision=cfg.trainer.precision,
        max_steps=steps if steps is not None else -1,
        max_epochs=-1,
        callbacks=make_callbacks(cfg, parts, directory, clock, stop),
        plugins=[AtomicCheckpointIO(), make_environment()],
        logger=logger if logger is not None else False,
        default_root_dir=directory.path,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        num_sanity_val_steps=0,
        log_every_n_steps=cfg.trainer.log_every,
    )


def make_strategy(cfg: DictConfig) -> Strategy | str:
    """One device, or DDP over the processes that exist already."""
    if cfg.trainer.devices == 1:
        return "auto"
    # find_unused_parameters: in each backward pass one of the two networks has no gradients
    backend = "nccl" if cfg.trainer.accelerator == "gpu" else "gloo"
    return DDPStrategy(find_unused_parameters=True, broadcast_buffers=False, process_group_backend=backend)


def make_environment() -> LightningEnvironment | SLURMEnvironment | TorchElasticEnvironment:
    """Who started the ranks: nobody, SLURM, or torchrun (whose variables our own workers get too)."""
    if not ranks_exist():
        return LightningEnvironment()
    return SLURMEnvironment() if SLURMEnvironment.detect() else TorchElasticEnvironment()


def make_callbacks(
    cfg: DictConfig, parts: Assembly, directory: RunDirectory, clock: Clock, stop: StopOnSignal
) -> list[pl.Callback]:
    """The callbacks in the order in which they act after each step."""
    record = Record(directory, clock, every=cfg.trainer.log_every)
    scores = None
    if parts.evaluation is not None:
        scores = Scores(
            evaluation=parts.evaluation,
            data=parts.data,
            directory=directory,
            record=record,
            clock=clock,
            primary=cfg.primary_score,
        )
    early_end = config.build(cfg.stop, model=parts.model, clock=clock, seed=cfg.seed)
    pictures = _make_pictures(cfg, directory=directory, data=parts.data, clock=clock, seed=cfg.seed)
    return [
        clock,
        StopOnNonFinite(),
        *([StopAfterMinutes(clock, minutes=cfg.budget.minutes)] if cfg.budget.minutes is not None else []),
        *([early_end] if early_end is not None else []),
        *([scores] if scores is not None else []),
        *watch(parts.model, directory=directory, clock=clock, seed=cfg.seed, every=watch_every(cfg, parts.model)),
        record,
        *pictures,
        stop,  # after all who score, write or draw at the last step: an interrupted run has not come to it
        Checkpointing(directory, every=cfg.trainer.checkpoint_every),
        *([Page(directory, clock, every=cfg.pictures.every)] if pictures else []),
        *([ProgressBar(title=f"{cfg.experiment} seed {cfg.seed}", scores=scores)] if cfg.trainer.progress else []),
    ]


def _make_pictures(cfg: DictConfig, **injected: object) -> list[pl.Callback]:
    built: dict[str, Any] = config.build(cfg.pictures.callbacks, **injected) or {}
    for name, callback in built.items():
        if not isinstance(callback, pl.Callback | None):
            key = f"pictures.callbacks.{name}"
            raise UserError(
                f"{key}={callback}: the chosen pictures have no {name!r} that this could be a setting of; expected a "
                f"component with a _target_: give {key}._target_=…, choose other pictures, or take it out, ~{key}"
            )
    return [callback for callback in built.values() if callback is not None]


def watch_every(cfg: DictConfig, model: GenerativeModel) -> int:
    """Steps between measurements, a multiple of those between logged rows."""
    steps, rows = assembly.budget_steps(cfg, model), cfg.trainer.log_every
    often = WATCH_EVERY if steps is None else min(WATCH_EVERY, steps // (WATCH_OFTEN * rows))
    return rows * max(1, often)


def _check_penalty(model: GenerativeModel) -> None:
    if not isinstance(model, Adversarial) or not model.objective.double_backward:
        return
    if any(isinstance(layer, torch.nn.modules.batchnorm._BatchNorm) for layer in model.critic.modules()):
        raise UserError(
            f"objective: {type(model.objective).__name__} penalises the slope at each sample, and batch normalisation "
            "mixes the samples of a batch; take a critic without, as model.critic.normalise=null makes one"
        )


def _check_clipping(model: GenerativeModel) -> None:
    if not isinstance(model, Adversarial) or not isinstance(model.objective, WassersteinClipping):
        return
    if any(torch.nn.utils.parametrize.is_parametrized(layer) for layer in model.critic.modules()):
        raise UserError(
            "objective: WassersteinClipping clips weights which spectral normalisation then divides by their norm, so "
            "that nothing is clipped; take one of the two, as model.critic.constrain=null"
        )


def quiet_lightning() -> None:
    """Lightning's advice is about loaders and loggers that kantor has replaced."""
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module="pytorch_lightning")
    warnings.filterwarnings("ignore", module="lightning_fabric")
