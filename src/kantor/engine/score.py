"""What each process of an evaluation does: load the weights, draw its chunks, score."""

import time
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from kantor.data.module import BlockData
from kantor.engine import assembly
from kantor.evaluation.base import Evaluation, Work
from kantor.messages import say
from kantor.models.base import GenerativeModel
from kantor.processes import Processes, joined
from kantor.runs import card
from kantor.runs.directory import RunDirectory


def score_model(
    model: GenerativeModel, data: BlockData, evaluation: Evaluation, directory: RunDirectory
) -> dict[str, Any]:
    """Score a model as its directory's checkpoint has it; the record of an evaluation, equal on every process.

    Args:
        model: its weights are those of the last checkpoint; for `checkpoint=best` that one is read.
        data: the truth.
        evaluation: how.
        directory: where checkpoints are.
    """
    began = time.perf_counter()
    if evaluation.checkpoint == "best":
        assembly.restore(model, directory, "best")
    processes, n = Processes.current(), evaluation.size(data)
    if processes.rank == 0:
        say(f"scoring {evaluation.draws} draws of {n:,} samples, and draws of real ones for the floors")
    work = Work(directory.evaluations)
    scores = evaluation.score(model, data, processes, work)
    return {
        **card.record(
            name=evaluation.name,
            at_step=model.steps,
            protocol=evaluation.protocol(data),
            sampling={"weights": evaluation.weights, "checkpoint": evaluation.checkpoint, **model.sampler()},
            draw=evaluation.draw(),
            scores=scores,
        ),
        "seconds": round(time.perf_counter() - began, 3),
        "chunks_per_process": processes.gather(work.drawn),
    }


def score_run(plain: dict[str, Any], path: Path) -> dict[str, Any]:
    """Score a run directory in this process, one of `trainer.devices`."""
    cfg, directory = OmegaConf.create(plain), RunDirectory(path)
    with assembly.numerics(cfg), joined(cfg.trainer.devices):
        parts = assembly.assemble(cfg)
        assert parts.evaluation is not None
        model = parts.model.to(assembly.device(cfg))
        assembly.restore(model, directory, parts.evaluation.checkpoint)
        return score_model(model, parts.data, parts.evaluation, directory)
