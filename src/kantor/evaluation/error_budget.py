"""The error budget: how far samples are from the data at each number of network evaluations, and why.

`whole` is the distance of the model's samples from real data. Where the density of the data is known it has two causes:
`discretisation` is the distance from real data of what the exact denoiser draws by the same sampler, and `learning`
that of the model's samples from those, drawn from the same noise. A model that has learned everything has no
`learning`; a sampler with enough evaluations has a `discretisation` like that of fresh real data.
"""

import time
from dataclasses import asdict, replace
from typing import Any

from kantor import keyed
from kantor.data.module import BlockData
from kantor.errors import UserError, as_given
from kantor.evaluation.base import Evaluation
from kantor.evaluation.score import Measured
from kantor.messages import say
from kantor.models.base import GenerativeModel
from kantor.processes import Processes
from kantor.samplers.base import DenoisingSampler


def error_budget(
    evaluation: Evaluation, model: GenerativeModel, data: BlockData, processes: Processes
) -> dict[str, Any]:
    """One row for each of `evaluation.nfe`, as plain containers, on every process.

    Args:
        evaluation: how many draws of how many samples, with which weights and by which sampler.
        model: draws by it.
        data: the truth.
        processes: who shares the work.
    """
    rows, floor = [], {}
    for sampler in samplers(evaluation):
        say(f"error budget: {sampler.nfe} evaluations a sample")
        at = replace(evaluation, sampler=sampler, scores=list(evaluation.distances), likelihood=None, nfe=None)
        parts = at.errors(model, data, processes)
        floor = {name: score.floor for name, score in parts["whole"].items()}
        rows.append(
            {
                "nfe": sampler.nfe,
                "steps": sampler.steps,
                "seconds": _seconds(at, model, processes),
                **{part: {name: _plain(score) for name, score in scores.items()} for part, scores in parts.items()},
            }
        )
    return {"floor": {name: _plain(score) for name, score in floor.items() if score is not None}, "rows": rows}


def samplers(evaluation: Evaluation) -> list[DenoisingSampler]:
    """The evaluation's with each of the asked numbers of evaluations, or the next smaller one that it can have.

    Raises:
        UserError: it cannot have so few.
    """
    assert isinstance(evaluation.sampler, DenoisingSampler) and evaluation.nfe is not None
    made = {each.nfe: each for each in map(evaluation.sampler.with_nfe, sorted(evaluation.nfe))}
    return list(made.values())


def check_error_budget(evaluation: Evaluation, model: GenerativeModel, data: BlockData) -> None:
    """Check that the sampler can have all the numbers of evaluations that are asked for, and that it does with the
    exact denoiser, where that is known, what it does with the model's.

    Raises:
        UserError: it cannot, or does not.
    """
    nfe, sampler = evaluation.nfe, evaluation.sampler
    if nfe is None:
        return
    given = f"evaluation.nfe={as_given(nfe)}"
    if not isinstance(nfe, list) or not nfe or not all(type(count) is int and count > 0 for count in nfe):
        raise UserError(f"{given}: expected a list of whole numbers above 0, such as [5,10,20,50,100], or null")
    if not isinstance(sampler, DenoisingSampler):
        raise UserError(
            f"{given}: {type(sampler).__name__} draws a sample in as many evaluations as it does; take null, or a "
            "model that denoises"
        )
    if evaluation.tells_causes(data):
        _check_same(sampler, given)
    try:
        made = samplers(evaluation)
    except UserError as error:
        raise UserError(f"{given}: {error}") from error
    for each in made:
        try:
            model.check_sampler(each)
        except UserError as error:
            raise UserError(f"{given}, so sampler.{error}") from error


def _check_same(sampler: DenoisingSampler, given: str) -> None:
    """Check that a sampler asks nothing of a denoiser but to denoise: the exact one can no more."""
    if sampler.guidance != 1:
        raise UserError(
            f"{given}: the exact denoiser is not guided, so that sampler.guidance={sampler.guidance} would count as "
            "what was not learned; take sampler.guidance=1 and sampler.guide=null"
        )
    if sampler.needs_variance:
        raise UserError(
            f"{given}: the exact denoiser has no learned variance to be compared by; take sampler.variance=beta_tilde"
        )


def _seconds(evaluation: Evaluation, model: GenerativeModel, processes: Processes) -> float:
    """For a sample, of a chunk on the first process; part of no score."""
    found = 0.0
    if processes.rank == 0:
        rng = keyed.Rng(keyed.seed(evaluation.seed, "seconds"), device=model.device)
        began = time.perf_counter()
        evaluation.sampling(model, evaluation.chunk, rng=rng).cpu()
        found = (time.perf_counter() - began) / evaluation.chunk
    return float(processes.gather(found)[0])


def _plain(measured: Measured) -> dict[str, float | None]:
    """A value with its interval."""
    if measured.estimate is None:
        return {"value": None, "low": None, "high": None}
    return asdict(measured.estimate)
