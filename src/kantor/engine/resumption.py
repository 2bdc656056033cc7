"""Resumption: what a checkpoint has to hold for a training to go on from it as if it had never stopped. Looked at
before anything is written: what is missing would be begun afresh in silence, and what does not fit would fail later.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.plugins.environments import LightningEnvironment
from torch.optim import SGD, Adam, Optimizer, RMSprop

from kantor.callbacks.clock import Clock
from kantor.callbacks.health import Health
from kantor.callbacks.line_distances import LineDistances
from kantor.callbacks.scores import Scores
from kantor.callbacks.stop_at_half import StopAtHalf
from kantor.callbacks.stopping import EarlyEnd
from kantor.engine.lightning import quiet_lightning
from kantor.errors import UserError
from kantor.models.base import GenerativeModel
from kantor.runs import checkpoints
from kantor.runs.shapes import Shape, Unlike, anything, count, listed, mapped, record, text

ELEMENTWISE = (Adam, RMSprop, SGD)
"""Optimizers that keep of a weight either a number or as many as it has."""


def _states(value: object, place: str) -> None:
    """The shape of an optimizer's states, by the number of the weight."""
    if not isinstance(value, dict) or not all(isinstance(entry, dict) for entry in value.values()):
        raise Unlike(place, "a mapping of mappings")


CALLBACKS = (Scores, EarlyEnd, StopAtHalf, Health, LineDistances)
"""Those with a state that not every run has."""

TRAINING = record(
    {
        "epoch": count,
        "global_step": count,
        "pytorch-lightning_version": text,
        "loops": record({"fit_loop": mapped(anything)}),
        "callbacks": record({Clock.__name__: Clock.kept}, {one.__name__: one.kept for one in CALLBACKS}),
        "optimizer_states": listed(
            record({"state": _states, "param_groups": listed(record({"params": listed(count)}))})
        ),
        "lr_schedulers": listed(anything),
    }
)
"""The shape of what Lightning and its callbacks keep besides the weights."""


def check_resumable(model: GenerativeModel, path: Path) -> None:
    """Check that a checkpoint is one of the training of a model.

    Args:
        model: as it is when it is built.
        path: of a checkpoint that can be loaded.

    Raises:
        UserError: it is not; what is missing, or of another shape, is named.
    """
    held = checkpoints.held(path)
    try:
        TRAINING(held, "")
        if held["pytorch-lightning_version"] == pl.__version__:  # which renews those of other versions itself
            _like(_fresh_loop())(held["loops"]["fit_loop"], "loops.fit_loop")
        _check_counters(model, held["kantor_counters"])
        _check_weights(model, held["state_dict"])
        _check_optimizers(model, held["optimizer_states"])
    except Unlike as error:
        raise UserError(
            f"{path} is whole, but holds no training of this run that could be gone on with ({error}): put it back "
            "from a copy of the run, or its training command with rerun=true starts it anew"
        ) from error


def _fresh_loop() -> dict[str, Any]:
    quiet_lightning()
    trainer = pl.Trainer(
        accelerator="cpu",
        devices=1,
        max_steps=1,
        plugins=[LightningEnvironment()],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    return trainer.fit_loop.state_dict()


def _like(example: object) -> Shape:
    """Mappings with at least the same keys, and counts where there are counts."""
    if isinstance(example, dict):
        return record({key: _like(value) for key, value in example.items()})
    return count if isinstance(example, int) and not isinstance(example, bool) else anything


def _check_counters(model: GenerativeModel, kept: Mapping[str, int]) -> None:
    if kept.keys() != model.counters().keys():
        raise Unlike("kantor_counters", f"{', '.join(model.counters())}, not {', '.join(kept)}")


def _check_weights(model: GenerativeModel, kept: Mapping[str, torch.Tensor]) -> None:
    own = model.state_dict()
    others = sorted(own.keys() ^ kept.keys())
    if others:
        raise Unlike("state_dict", f"{'' if others[0] in own else 'no '}{others[0]}")
    for name, tensor in own.items():
        if tensor.shape != kept[name].shape:
            raise Unlike(f"state_dict.{name}", f"{tuple(tensor.shape)}, not {tuple(kept[name].shape)}")
    wrong = checkpoints.not_finite(kept)
    if wrong is not None:
        raise Unlike(f"state_dict.{wrong}", "finite numbers")


def _check_optimizers(model: GenerativeModel, kept: list[dict[str, Any]]) -> None:
    try:
        made: Any = model.configure_optimizers()
    except RuntimeError:  # of somebody's model, that asks for its trainer
        return
    optimizers = [made] if isinstance(made, Optimizer) else made
    if not isinstance(optimizers, list | tuple) or not all(isinstance(one, Optimizer) for one in optimizers):
        return  # of another's model, in one of Lightning's further forms
    if len(optimizers) != len(kept):
        raise Unlike("optimizer_states", f"{len(optimizers)} of them, not {len(kept)}")
    for index, (optimizer, state) in enumerate(zip(optimizers, kept, strict=True)):
        place = f"optimizer_states[{index}]"
        here = [len(group["params"]) for group in optimizer.param_groups]
        there = [len(group["params"]) for group in state["param_groups"]]
        if here != there:
            raise Unlike(place, f"groups of {here} weights, not of {there}")
        _check_state(optimizer, state["state"], place)


def _check_state(optimizer: Optimizer, kept: dict[int, dict[str, Any]], place: str) -> None:
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    if not kept.keys() <= set(range(len(weights))):
        raise Unlike(place, f"the state of {len(weights)} weights")
    if isinstance(optimizer, Adam | RMSprop) and not kept:
        raise Unlike(place, "the state of weights that have been trained")
    for index, state in kept.items() if isinstance(optimizer, ELEMENTWISE) else ():
        for name, value in ((name, value) for name, value in state.items() if isinstance(value, torch.Tensor)):
            if bool(value.isnan().any()):
                raise Unlike(f"{place}.{index}.{name}", "numbers")
            if value.shape not in (weights[index].shape, torch.Size()):
                raise Unlike(f"{place}.{index}.{name}", f"{tuple(weights[index].shape)}, not {tuple(value.shape)}")
