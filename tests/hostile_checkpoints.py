"""Checkpoints that a stranger made who knows how kantor reads them: sealed, and of something else."""

import io
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from hostile_runs import Change, edited

from kantor.seals import seal_zip

CHECKPOINT = "checkpoints/last.ckpt"


def packed(run: Path, content: object, *, protocol: int = 2) -> None:
    """A sealed checkpoint of anything in the place of both that there are."""
    (run / "checkpoints" / "previous.ckpt").unlink(missing_ok=True)
    with (run / CHECKPOINT).open("w+b") as file:
        torch.save(content, file, pickle_protocol=protocol)
        seal_zip(file)


def checkpoint(change: Callable[[dict[str, Any]], object]) -> Change:
    """The checkpoint changed, and sealed again; or what the change gives in its place."""

    def changed(run: Path) -> None:
        whole = torch.load(run / CHECKPOINT, weights_only=True)
        found = change(whole)
        packed(run, whole if found is None else found)

    return changed


def entry(key: str, value: object) -> Change:
    return checkpoint(lambda whole: whole.__setitem__(key, value))


def weights(change: Callable[[torch.Tensor], object]) -> Change:
    def of_all(whole: dict[str, Any]) -> None:
        whole["state_dict"] = {name: change(tensor) for name, tensor in whole["state_dict"].items()}

    return checkpoint(of_all)


def compressed(run: Path) -> None:
    """A checkpoint whose members are packed: 256 MiB of zeros in one."""
    original, names = run / CHECKPOINT, []
    with zipfile.ZipFile(original) as archive:
        names = [(info, archive.read(info)) for info in archive.infolist()]
    (run / "checkpoints" / "previous.ckpt").unlink(missing_ok=True)
    zeros = bytes(1 << 24)
    with original.open("w+b") as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for info, content in names:
                with archive.open(info.filename, "w", force_zip64=True) as member:
                    member.write(content)
                    for _ in range(16 if info.filename.endswith("data/0") else 0):
                        member.write(zeros)
        seal_zip(file)


def spoilt(value: Any) -> None:
    """Every real number in nested containers becomes NaN."""
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        spoilt(inner)
    if isinstance(value, torch.Tensor) and value.is_floating_point():
        value.fill_(float("nan"))


class Runs:
    """What a pickle calls."""

    def __reduce__(self):
        return os.system, ("touch executed",)


def pickled(run: Path) -> None:
    """A checkpoint that calls what its pickle names."""
    (run / "checkpoints" / "previous.ckpt").unlink(missing_ok=True)
    buffer = io.BytesIO()
    torch.save({}, buffer)
    with zipfile.ZipFile(buffer) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with (run / CHECKPOINT).open("w+b") as file:
        with zipfile.ZipFile(file, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, pickle.dumps(Runs()) if name.endswith("data.pkl") else content)
        seal_zip(file)


def unfinished(change: Change) -> Change:
    """The same of a run that is gone on with."""

    def changed(run: Path) -> None:
        edited("status.json", ("state",), "running")(run)
        change(run)

    return changed


CHECKPOINTS: dict[str, Change] = {
    "a list": lambda run: packed(run, [1, 2]),
    "a tensor": lambda run: packed(run, torch.zeros(3)),
    "of code": pickled,
    "compressed": compressed,
    "a terabyte": lambda run: os.truncate(run / CHECKPOINT, 1 << 40),
    "no seal": lambda run: torch.save({}, run / CHECKPOINT),
    "NaN": weights(lambda one: one * float("nan")),
    "of one number": weights(lambda one: torch.zeros(())),
    "texts": weights(lambda one: "x"),
    "nothing": weights(lambda one: None),
    "complex": weights(lambda one: torch.complex(one, one) if one.is_floating_point() else one),
    "whole numbers": weights(lambda one: one.to(torch.int8)),
    "sparse": weights(lambda one: one.to_sparse() if one.dim() else one),
    "meta": weights(lambda one: one.to("meta")),
    "expanded": weights(lambda one: torch.zeros(1).expand(1 << 44)),
    "half": weights(lambda one: one.half() if one.is_floating_point() else one),
    "quantised": weights(lambda one: torch.quantize_per_tensor(one.float(), 0.1, 0, torch.qint8) if one.dim() else one),
    "names of numbers": checkpoint(lambda whole: whole.__setitem__("state_dict", {1: torch.zeros(1)})),
    "counters of other names": entry("kantor_counters", {"steps": 40, "sample": "x", "forward": 3, "training": "x"}),
    "counters of texts": entry("kantor_counters", {"steps": "x", "images_seen": "y", "critic_steps": None}),
    "counters below 0": entry("kantor_counters", {"steps": -1, "images_seen": -1, "critic_steps": -1}),
    "counters of no limit": entry("kantor_counters", {"steps": 10**40, "images_seen": 1, "critic_steps": 1}),
    "optimizers of others": entry("optimizer_states", [{"state": {0: {}}, "param_groups": [{"params": [7]}]}] * 2),
    "NaN in optimizers": checkpoint(lambda whole: spoilt(whole["optimizer_states"])),
    "other loops": entry("loops", {"fit_loop": {"state_dict": {}, "epoch_loop.state_dict": {"x": 1}}}),
    "other callbacks": entry("callbacks", {"Clock": {"seconds": "x"}, "Scores": {"best": []}, "a{b": 3}),
    "of another Lightning": entry("pytorch-lightning_version", "0.1.0\x1b]0;x\x07"),
    "a date as Lightning": entry("pytorch-lightning_version", [1]),
    "hyperparameters": entry("hyper_parameters", {"_class_path": "os.system", "x": 1}),
}
KEYS = (
    "state_dict", "kantor_counters", "optimizer_states", "lr_schedulers", "loops", "callbacks", "global_step", "epoch",
    "pytorch-lightning_version",
)  # fmt: skip
for _key in KEYS:
    CHECKPOINTS[f"no {_key}"] = checkpoint(lambda whole, key=_key: (whole.pop(key, None), None)[1])
    for _kind, _value in {"null": None, "a text": "x", "a list": [1], "a number": 7, "a mapping": {"x": [1]}}.items():
        CHECKPOINTS[f"{_key} is {_kind}"] = entry(_key, _value)
