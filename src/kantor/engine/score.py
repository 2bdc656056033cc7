"""What each process of an evaluation does: load the weights, draw its chunks, score."""

import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from kantor.callbacks.scores import Scores
from kantor.engine.assembly import Assembly, restore
from kantor.evaluation import tensor_files
from kantor.evaluation.base import Evaluation, Work
from kantor.evaluation.error_budget import error_budget
from kantor.evaluation.protocol import Protocol
from kantor.evaluation.score import Score
from kantor.messages import say
from kantor.numerics import numerics
from kantor.processes import Processes
from kantor.runs import checkpoints
from kantor.runs.card import kept


def score_model(run: Assembly, home: Path | None) -> dict[str, Any]:
    """Score a run's model as its directory's checkpoint has it; the record of an evaluation, equal on every process.

    Args:
        run: its model has the weights of the last checkpoint; for `checkpoint=best` that one is read.
        home: below which finished chunks are kept, so that it can be gone on with; None for nowhere.
    """
    return scored(run, to_score(run), home)


def score_once(run: Assembly) -> dict[str, Any] | None:
    """The same; None where the directory has the record already, as that of a run that was killed after its scores."""
    about = to_score(run)
    assert run.evaluation is not None
    there = kept(run.directory, about, run.evaluation.kinds(run.data).keys())
    return None if Processes.current().gather(there)[0] else scored(run, about, run.directory.evaluations)


def to_score(run: Assembly) -> dict[str, Any]:
    """What the record of an evaluation says of a run's model before it is scored; takes its best checkpoint where the
    evaluation is of that."""
    evaluation, model = run.evaluation, run.model
    assert evaluation is not None
    chosen = {}
    if evaluation.checkpoint == "best":
        chosen = {"chosen_by": restore(run, "best")["callbacks"][Scores.__name__]["chosen_by"]}
    return record(
        evaluation,
        evaluation.protocol(run.data),
        {},
        at_step=model.steps,
        sampling={"checkpoint": evaluation.checkpoint, **evaluation.sampling.describe(), **chosen},
        digest=tensor_files.digest(checkpoints.sampling_tensors(model.weights(evaluation.weights))),
    )


def scored(run: Assembly, about: dict[str, Any], home: Path | None) -> dict[str, Any]:
    """A record with its scores."""
    evaluation, data, model = run.evaluation, run.data, run.model
    assert evaluation is not None
    began = time.perf_counter()
    processes, n = Processes.current(), evaluation.size(data)
    say_choice(about["sampling"].get("chosen_by"), evaluation)
    draws = "1 draw" if evaluation.draws == 1 else f"{evaluation.draws} draws"
    say(f"scoring {draws} of {n:,} samples, and what real data score")
    work = Work(home)
    scores = evaluation.score(model, data, processes, work)
    return {
        **about,
        "scores": plain_scores(scores, evaluation.protocol(data)),
        **({} if evaluation.nfe is None else {"error_budget": error_budget(evaluation, model, data, processes)}),
        "seconds": round(time.perf_counter() - began, 3),
        "chunks_per_process": processes.gather(work.drawn),
    }


def say_choice(chosen_by: dict[str, Any] | None, evaluation: Evaluation) -> None:
    """Say when the best checkpoint was chosen by samples drawn in another way than these."""
    now = evaluation.sampling.describe()
    if chosen_by is not None and now != {name: chosen_by.get(name) for name in now}:
        told = ", ".join(f"{name}={value}" for name, value in chosen_by.items())
        say(f"best.ckpt was chosen while training by {told}: another sampling may have chosen another one")


def record(
    evaluation: Evaluation,
    protocol: Protocol,
    scores: dict[str, Score],
    *,
    at_step: int | None,
    sampling: dict[str, Any],
    digest: str,
    draws: int | None = None,
) -> dict[str, Any]:
    """An evaluation as its file and the card hold it.

    Args:
        evaluation: which.
        protocol: what was measured.
        scores: by name.
        at_step: training steps of the model; None of samples from a file.
        sampling: who was measured.
        digest: of the weights that drew (those of generator.safetensors, where it is of the last checkpoint), or of
            the samples where they come from a file; SHA-256 as in `tensor_files.digest`.
        draws: of samples from a file; None where they are as many as the evaluation asks for.
    """
    draw = evaluation.draw() if draws is None else replace(evaluation.draw(), draws=draws)
    return {
        "name": evaluation.name,
        "at_step": at_step,
        "protocol_hash": protocol.hash,
        "protocol": protocol.plain(),
        "sampling": sampling,
        "draw": asdict(draw),
        "digest": digest,
        "scores": plain_scores(scores, protocol),
    }


def plain_scores(scores: Mapping[str, Score], protocol: Protocol) -> dict[str, dict[str, Any]]:
    """Scores as a record holds them, each with the hash of its own protocol."""
    return {name: {**score.plain(), "protocol_hash": protocol.hash_of(name)} for name, score in scores.items()}


def score_run(run: Assembly, home: Path | None) -> dict[str, Any]:
    """Score a run directory in this process, one of several perhaps; finished chunks are kept below `home`."""
    assert run.evaluation is not None
    machine = run.configuration.trainer
    with numerics(threads=machine.threads, matmul_precision=machine.matmul_precision):
        run.model.to(run.device)
        restore(run, run.evaluation.checkpoint)
        return score_model(run, home)
