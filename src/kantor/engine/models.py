"""Models made as a configuration says, and given the weights of a checkpoint."""

from typing import Any

import torch

from kantor import keyed, user_code
from kantor.config.schema import Configuration
from kantor.errors import UserError
from kantor.models.base import GenerativeModel
from kantor.runs import checkpoints
from kantor.runs.directory import RunDirectory


def build_model(configuration: Configuration, weights_on: torch.device) -> GenerativeModel:
    """The model that a configuration describes, with its initial weights.

    Raises:
        UserError: something in it is wrong.
    """
    with torch.random.fork_rng(devices=[]), weights_on:
        torch.manual_seed(keyed.seed(configuration.seed, "init"))
        model: GenerativeModel = configuration.build(
            "model",
            objective=configuration.build("objective"),
            optimisation=configuration.build("optimisation"),
            averaging=configuration.build("ema"),
            schedule=configuration.build("schedule"),
            seed=configuration.seed,
        )
    return model


def restore_model(model: GenerativeModel, directory: RunDirectory, which: str) -> dict[str, Any]:
    """Give a model the weights and counters of a run's checkpoint, last or best; the checkpoint.

    Raises:
        UserError: there is no such checkpoint, or it is damaged or of another model.
    """
    checkpoint = checkpoints.read(directory, which)
    try:
        model.load_state_dict(checkpoint["state_dict"])
    except RuntimeError as error:
        raise UserError(
            f"{directory.path}: checkpoint and config.yaml describe different models ({user_code.reason(error)})"
        ) from error
    try:
        model.on_load_checkpoint(checkpoint)
    except UserError as error:
        raise UserError(f"{directory.path}: checkpoint and config.yaml describe different models ({error})") from error
    return checkpoint
