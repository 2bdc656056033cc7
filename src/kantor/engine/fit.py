"""What each process of a training run does: fit, then score; the parent's side is in train.py."""

import contextlib
import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.plugins.environments import LightningEnvironment, TorchElasticEnvironment
from pytorch_lightning.strategies import DDPStrategy, Strategy
from pytorch_lightning.utilities.exceptions import SIGTERMException

from kantor import user_code
from kantor.callbacks.checkpointing import Checkpointing
from kantor.callbacks.clock import Clock
from kantor.callbacks.digests import Digests
from kantor.callbacks.first_batch import FirstBatch
from kantor.callbacks.health import StopOnNonFinite
from kantor.callbacks.page import Page
from kantor.callbacks.pictures import Scene, admitted
from kantor.callbacks.progress import TrainingProgress
from kantor.callbacks.pruning import Pruning, is_pruned
from kantor.callbacks.record import Record
from kantor.callbacks.scores import Scores
from kantor.callbacks.stopping import EarlyEnd, StopAfterMinutes, StopOnSignal
from kantor.callbacks.watch import watch
from kantor.config.schema import TRAINED
from kantor.engine.assembly import Assembly
from kantor.engine.lightning import quiet_lightning
from kantor.engine.score import score_once
from kantor.engine.turns import InTurns
from kantor.errors import Interrupted, UserError
from kantor.evaluation import tensor_files
from kantor.numerics import numerics
from kantor.processes import Processes, ranks_exist
from kantor.runs.checkpoints import AtomicCheckpointIO, counters
from kantor.tracking.attached import Attached, attached

WATCH_EVERY = 10
"""Logged rows from one measurement of gradients, spread and probabilities to the next, at most."""

WATCH_OFTEN = 12
"""Measurements in a run, at least, where it has as many rows: health checks want several that agree."""

NOWHERE = Path(os.devnull) / "lightning"
"""Lightning's own directory: below a file, so that nothing can be in it. In a job of SLURM's Lightning goes on from any
hpc_ckpt_N.ckpt that it finds there, whatever its plugins and callbacks are."""


def fit(run: Assembly, checkpoint: Path | None) -> dict[str, Any]:
    """Train one run in this process (one of several perhaps), and score it when its budget is used up.

    Args:
        run: its directory exists.
        checkpoint: where to go on from; None for the beginning.

    Returns:
        `counters`, `cost`, `interrupted` (a signal's number or None), `pruned` (whether its search has ended it),
        `evaluation` (None of nothing new), and `tracked` (whether there is a tracker that heard of it).
    """
    quiet_lightning()
    machine = run.configuration.trainer
    step = 0 if checkpoint is None else counters(checkpoint)["steps"]
    with (
        numerics(threads=machine.threads, matmul_precision=machine.matmul_precision),
        attached(run.tracker, step=step, last=run.sent) as logger,
    ):
        clock, stop = Clock(), StopOnSignal()
        trainer = make_trainer(run, clock, stop, logger)
        if machine.compile:
            run.model.compile_networks()
        with uncovered(), taking_back(run, checkpoint, step):
            trainer.fit(run.model, datamodule=run.data, ckpt_path=checkpoint, weights_only=True)
        stop.received = next((one for one in Processes.current().gather(stop.received) if one is not None), None)
        counted = run.model.counters()  # scoring may read another checkpoint
        run.model.to(run.device)  # Lightning has put it back on the CPU
        pruned = is_pruned(trainer)
        over = stop.received is None and not pruned
        evaluation = score_once(run) if over and run.evaluation is not None else None
    peaks = Processes.current().gather(clock.peak_memory_bytes)
    if Processes.current().world > 1:
        digests = Processes.current().gather(tensor_files.digest(run.model.state_dict()))
        assert len(set(digests)) == 1, f"the weights of the processes drifted apart: {digests}"
    return {
        "counters": counted,
        "cost": {"train_seconds": round(clock.seconds, 3), "peak_memory_bytes": max(peaks)},
        "interrupted": stop.received,
        "pruned": pruned,
        "evaluation": evaluation,
        "tracked": run.tracker is not None and not run.tracker.absent,
    }


@contextlib.contextmanager
def taking_back(run: Assembly, checkpoint: Path | None, step: int) -> Iterator[None]:
    """Say in a sentence what goes wrong with the state in a checkpoint, which shows before its next step is done.

    Raises:
        UserError: it is none of this run's.
    """
    try:
        yield
    except (UserError, torch.OutOfMemoryError):
        raise
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, RuntimeError) as error:
        if checkpoint is None or run.model.steps > step or user_code.own_line(error) is not None:
            raise
        raise UserError(
            f"{checkpoint} cannot be gone on with ({user_code.reason(error)}): its training command with rerun=true "
            "starts it anew"
        ) from error


@contextlib.contextmanager
def uncovered() -> Iterator[None]:
    """Lightning ends a process that is interrupted outside its steps with exit code 1; here it is interrupted.

    Raises:
        KeyboardInterrupt: it was.
    """
    try:
        yield
    except SIGTERMException as stop:
        raise Interrupted(signal.SIGTERM, saved=False) from stop
    except SystemExit as end:
        raise end.__context__ if isinstance(end.__context__, KeyboardInterrupt) else end from None


def make_trainer(run: Assembly, clock: Clock, stop: StopOnSignal, logger: Attached | None) -> pl.Trainer:
    """Lightning's trainer, with our counters, files and callbacks in place of its own."""
    settings = run.configuration.trainer
    return pl.Trainer(
        accelerator=settings.accelerator,
        devices=settings.devices,
        num_nodes=settings.nodes,
        strategy=make_strategy(run),
        precision=settings.precision,  # type: ignore[arg-type]
        max_steps=run.budget_steps if run.budget_steps is not None else -1,
        max_epochs=-1,
        callbacks=make_callbacks(run, clock, stop, make_pictures(run, clock)[0]),
        plugins=[AtomicCheckpointIO(), make_environment()],
        logger=logger if logger is not None else False,
        default_root_dir=NOWHERE,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        num_sanity_val_steps=0,
        log_every_n_steps=settings.log_every,
    )


def make_strategy(run: Assembly) -> Strategy | str:
    """One device, or DDP over the processes that exist already."""
    settings = run.configuration.trainer
    if settings.world == 1:
        return "auto"
    backend = "nccl" if settings.accelerator == "gpu" else "gloo"
    foreign = bool(run.configuration.foreign(*TRAINED))
    if run.model.limits.in_turns and not foreign:
        return InTurns(process_group_backend=backend)
    return DDPStrategy(
        find_unused_parameters=foreign,
        broadcast_buffers=False,
        gradient_as_bucket_view=True,
        process_group_backend=backend,
    )


def make_environment() -> LightningEnvironment | TorchElasticEnvironment:
    """Torchrun's variables say who is who, whoever started the ranks. Never Lightning's own reading of SLURM's, which
    writes files of its own into the run and sends the job back to the queue by itself."""
    return TorchElasticEnvironment() if ranks_exist() else LightningEnvironment()


def make_callbacks(
    run: Assembly, clock: Clock, stop: StopOnSignal, pictures: Sequence[pl.Callback]
) -> list[pl.Callback]:
    """The callbacks in the order in which they act after each step."""
    configuration, directory, model = run.configuration, run.directory, run.model
    settings, budget = configuration.trainer, configuration.budget
    record = Record(directory, clock, every=settings.log_every)
    scores = None
    if run.evaluation is not None:
        assert configuration.primary_score is not None
        scores = Scores(
            evaluation=run.evaluation,
            data=run.data,
            directory=directory,
            record=record,
            clock=clock,
            primary=configuration.primary_score,
        )
    early_end = configuration.build("stop", model=model, clock=clock, seed=configuration.seed)
    judge = None if run.trial is None else run.trial.judge()
    title = f"{configuration.experiment} seed {configuration.seed}"
    return [
        clock,
        StopOnNonFinite(),
        *([early_end, EarlyEnd()] if early_end is not None else []),
        *([StopAfterMinutes(clock, minutes=budget.minutes)] if budget.minutes is not None else []),
        *([scores] if scores is not None else []),
        *watch(model, directory=directory, clock=clock, seed=configuration.seed, every=watch_every(run)),
        record,
        *pictures,
        *([Pruning(scores=scores, judge=judge)] if scores is not None and judge is not None else []),
        stop,  # after all who score, write or draw at the last step: an interrupted run has not come to it
        Digests(directory, every=settings.checkpoint_every),
        Checkpointing(directory, every=settings.checkpoint_every),
        *([FirstBatch(directory=directory, clock=clock)] if pictures else []),
        *([Page(directory, clock, every=configuration.plain["pictures"]["every"])] if pictures else []),
        *([TrainingProgress(title=title, scores=scores)] if settings.progress else []),
    ]


def make_pictures(run: Assembly, clock: Clock) -> tuple[list[pl.Callback], dict[str, str]]:
    """The pictures of the configuration that fit model and data, and why the others do not, by name.

    Raises:
        UserError: one is none, or what the user asked for does not fit.
    """
    scene = Scene(run.directory, run.data, clock, run.configuration.seed, run.sampling)
    built: dict[str, Any] = run.configuration.build("pictures.callbacks", scene=scene) or {}
    for name, callback in built.items():
        if not isinstance(callback, pl.Callback | None):
            key = f"pictures.callbacks.{name}"
            raise UserError(
                f"{key}={callback}: the chosen pictures have no {name!r} that this could be a setting of; expected a "
                f"component with a _target_: give {key}._target_=…, choose other pictures, or take it out, ~{key}"
            )
    return admitted(built, run.model, named=run.configuration.named)


def watch_every(run: Assembly) -> int:
    """Steps between measurements, a multiple of those between logged rows."""
    steps, rows = run.budget_steps, run.configuration.trainer.log_every
    often = WATCH_EVERY if steps is None else min(WATCH_EVERY, steps // (WATCH_OFTEN * rows))
    return rows * max(1, often)
