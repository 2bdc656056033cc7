"""From a configuration to the objects of a run: model, data, evaluation; for training, scoring and sampling alike."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf

from kantor import keyed
from kantor.config import compose as config
from kantor.data.module import BlockData
from kantor.errors import UserError
from kantor.evaluation.base import Evaluation
from kantor.models.base import GenerativeModel
from kantor.runs import checkpoints
from kantor.runs.directory import RunDirectory


@dataclass(frozen=True)
class Assembly:
    """What a configuration describes.

    Attributes:
        model: freshly initialised from ("init") of the seed.
        data: what it learns.
        evaluation: how it is scored; None for `evaluation=none`.
    """

    model: GenerativeModel
    data: BlockData
    evaluation: Evaluation | None


def assemble(cfg: DictConfig) -> Assembly:
    """Build everything that a configuration describes.

    Raises:
        UserError: something in it is wrong or contradicts something else.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(keyed.seed(cfg.seed, "init"))
        model = config.build(
            cfg.model, objective=config.build(cfg.objective), optimisation=config.build(cfg.optimisation), seed=cfg.seed
        )
    data = config.build(cfg.data, seed=cfg.seed)
    if len(data.sample_shape) == 3:  # pictures: convolutions are faster with the channels last, in float32 too
        model = model.to(memory_format=torch.channels_last)
    evaluation = None if cfg.evaluation.name == "none" else config.build(cfg.evaluation)
    if evaluation is not None:
        _check_primary(cfg.primary_score, evaluation, data)
    return Assembly(model, data, evaluation)


def identified(cfg: DictConfig) -> DictConfig:
    """The configuration with the fingerprint of its data in place of `data.identity=auto`, read-only.

    Raises:
        UserError: the data are missing.
    """
    if cfg.data.get("identity") != "auto":
        return cfg
    plain: Any = OmegaConf.to_container(cfg)
    plain["data"]["identity"] = config.build(cfg.data, seed=cfg.seed).fingerprint
    known = OmegaConf.create(plain)
    OmegaConf.set_readonly(known, True)
    return known


def _check_primary(primary: str | None, evaluation: Evaluation, data: BlockData) -> None:
    ranked = [score for score, kind in evaluation.kinds(data).items() if kind.better != "none"]
    if primary not in ranked:
        raise UserError(f"primary_score={primary}: for data={data.name} expected one of {', '.join(ranked)}")


def restore(model: GenerativeModel, directory: RunDirectory, which: str) -> None:
    """Give a model the weights and counters of a run's checkpoint, last or best.

    Raises:
        UserError: there is no such checkpoint, or it is damaged or of another model.
    """
    checkpoint = checkpoints.read(directory, which)
    try:
        model.load_state_dict(checkpoint["state_dict"])
    except RuntimeError as error:
        first = str(error).splitlines()[0]
        raise UserError(f"{directory.path}: checkpoint and config.yaml describe different models ({first})") from error
    model.on_load_checkpoint(checkpoint)


def budget_steps(cfg: DictConfig, model: GenerativeModel) -> int | None:
    """The budget in steps; None when it is in minutes.

    A budget in images ends with the first step that reaches it.
    """
    if cfg.budget.images is None:
        return cfg.budget.steps
    low, high = 1, cfg.budget.images  # a step consumes at least one image
    while low < high:
        middle = (low + high) // 2
        if model.batches_before(middle) * cfg.data.batch_size >= cfg.budget.images:
            high = middle
        else:
            low = middle + 1
    return low


def device(cfg: DictConfig) -> torch.device:
    """Where this process computes."""
    if cfg.trainer.accelerator == "gpu":
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    return torch.device(cfg.trainer.accelerator)


@contextlib.contextmanager
def numerics(cfg: DictConfig) -> Iterator[None]:
    """The threads and float32 products that a configuration asks for; what was set before comes back."""
    before_threads, before_precision = torch.get_num_threads(), torch.get_float32_matmul_precision()
    torch.set_num_threads(cfg.trainer.threads)
    torch.set_float32_matmul_precision(cfg.trainer.matmul_precision)
    try:
        yield
    finally:
        torch.set_num_threads(before_threads)
        torch.set_float32_matmul_precision(before_precision)
