"""From a configuration to the objects of a run, built once in each process that works on it."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from kantor.config import targets
from kantor.config.schema import TRAINED, Configuration
from kantor.data.module import BlockData
from kantor.engine.guides import open_guide
from kantor.engine.models import build_model, restore_model
from kantor.errors import UserError
from kantor.evaluation.base import Evaluation
from kantor.models.base import GenerativeModel
from kantor.models.sampling import Sampling
from kantor.nets.memory_format import lay_out
from kantor.paths import path_of
from kantor.processes import ranks_exist
from kantor.runs.directory import RunDirectory
from kantor.runs.identity import config_hash
from kantor.samplers.base import DenoisingSampler
from kantor.samplers.direct import Sampler
from kantor.search.trial import Trial
from kantor.tracking.attached import Tracker
from kantor.tracking.sink import Sink, as_sink


@dataclass(frozen=True, eq=False)
class Assembly:
    """A run as everything below the command sees it. Sent to another process, it builds itself anew there.

    Attributes:
        configuration: with the identity of its data.
        hash: of all that determines the weights, 64 hex digits.
        directory: of the run; it need not exist yet.
        data: what the model learns.
        model: freshly initialised from ("init") of the seed.
        sampler: how samples are drawn.
        evaluation: how it is scored; None for `evaluation=none`.
        sent: whether another process has sent it here, and ends the run when this one has done its work.
        trial: of a search; None of a run by itself.
    """

    configuration: Configuration
    hash: str
    directory: RunDirectory
    data: BlockData
    model: GenerativeModel
    sampler: Sampler
    evaluation: Evaluation | None
    sent: bool = False
    trial: Trial | None = None

    @cached_property
    def sink(self) -> Sink | None:
        """The tracker beside metrics.csv, one in each process; None for none.

        Raises:
            UserError: what the configuration names is none.
        """
        made = self.configuration.build("logger")
        return None if made is None else as_sink(made)

    @cached_property
    def tracker(self) -> Tracker | None:
        """What speaks to the sink while the run is trained; None without one.

        Raises:
            UserError: as of `sink`.
        """
        return None if self.sink is None else Tracker(self.directory, self.sink)

    @property
    def sampling(self) -> Sampling:
        """How pictures and the page's samples are drawn: with the average of the weights, where one is kept."""
        return Sampling(self.model.weights.default, self.sampler)

    @property
    def budget_steps(self) -> int | None:
        """The budget in training steps; None when it is in minutes.

        A budget in images ends with the first step that reaches it.
        """
        budget = self.configuration.budget
        if budget.images is None:
            return budget.steps
        low, high = 1, budget.images  # a step consumes at least one image
        while low < high:
            middle = (low + high) // 2
            if self.model.batches_before(middle) * self.data.batch_size >= budget.images:
                high = middle
            else:
                low = middle + 1
        return low

    @property
    def device(self) -> torch.device:
        """Where this process computes."""
        accelerator = self.configuration.trainer.accelerator
        if accelerator == "gpu":
            return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        return torch.device(accelerator)

    def __reduce__(self) -> tuple[Callable[..., "Assembly"], tuple[Configuration, Path, Trial | None]]:
        return _in_worker, (self.configuration, self.directory.path, self.trial)


def assemble(configuration: Configuration, path: Path | None = None, trial: Trial | None = None) -> Assembly:
    """Build everything that a configuration describes; a parent that leaves the work to others takes no memory for
    the weights of kantor's own networks.

    Args:
        configuration: composed, or of a run.
        path: the run directory; None for the one that the configuration leads to.
        trial: of a search; None of a run by itself.

    Raises:
        UserError: something in it is wrong or contradicts something else.
    """
    elsewhere = configuration.trainer.world > 1 and not ranks_exist()
    proven = not configuration.foreign(*TRAINED)  # others may read numbers off their tensors, which meta has not
    weights_on = torch.device("meta" if elsewhere and proven else "cpu")
    return replace(_assembled(configuration, path, weights_on), trial=trial)


def _in_worker(configuration: Configuration, path: Path, trial: Trial | None) -> Assembly:
    return replace(_assembled(configuration, path, torch.device("cpu")), sent=True, trial=trial)


def _assembled(configuration: Configuration, path: Path | None, weights_on: torch.device) -> Assembly:
    data: BlockData = configuration.build("data", seed=configuration.seed)
    if configuration.plain["data"].get("identity") == "auto":
        configuration = configuration.replaced("data.identity", data.fingerprint)
    model = build_model(configuration, weights_on)
    compiled = configuration.trainer.compile  # lays out by itself, and on a GPU trips over what was laid out before
    if len(data.sample_shape) == 3 and not compiled and bear_channels_last(configuration):
        lay_out(model)
    sampler: Sampler = configuration.build("sampler")
    if isinstance(sampler, DenoisingSampler) and isinstance(sampler.guide, str):
        sampler = replace(sampler, guide=open_guide(sampler.guide))
    evaluation = _of_model(configuration, sampler, model) if configuration.evaluated else None
    whole = config_hash(configuration.plain)
    directory = RunDirectory(path if path is not None else place(configuration, whole))
    return Assembly(configuration, whole, directory, data, model, sampler, evaluation)


def bear_channels_last(configuration: Configuration) -> bool:
    """Whether no code of a training step minds where the channels of pictures lie: kantor's does not, and of others
    such as say so, by `channels_last = True`: `view` after a convolution fails then."""
    found = (targets.locate(name, key="model") for name in configuration.foreign(*TRAINED))
    return all(getattr(target, "channels_last", False) for target in found)


def _of_model(configuration: Configuration, sampler: Sampler, model: GenerativeModel) -> Evaluation:
    evaluation = build_evaluation(configuration, sampler, model.classes)
    try:
        weights = model.weights.called(evaluation.weights)
    except UserError as error:
        raise UserError(f"evaluation.{error}") from error
    likelihood = None if evaluation.likelihood is None else evaluation.likelihood.of(model)
    return replace(evaluation, weights=weights, likelihood=likelihood)


def build_evaluation(configuration: Configuration, sampler: Sampler, classes: int | None) -> Evaluation:
    """The evaluation that a configuration describes, with its extractor.

    Args:
        configuration: of a run, or of what is scored alone.
        sampler: of the samples.
        classes: of a conditional model; None of any other.

    Raises:
        UserError: something in it is wrong.
    """
    extractor = configuration.build("extractor")
    evaluation: Evaluation = configuration.build(
        "evaluation",
        sampler=sampler,
        extractor=extractor,
        classes=classes,
        likelihood=configuration.build("likelihood"),
    )
    return evaluation


def place(configuration: Configuration, whole_hash: str) -> Path:
    """The directory of a run: outputs/EXPERIMENT/HASH-sSEED."""
    return path_of(configuration.outputs) / configuration.experiment / f"{whole_hash[:10]}-s{configuration.seed}"


def restore(run: Assembly, which: str) -> dict[str, Any]:
    """Give the model of a run the weights and counters of its checkpoint, last or best; the checkpoint.

    Raises:
        UserError: there is no such checkpoint, or it is damaged or of another model.
    """
    return restore_model(run.model, run.directory, which)
