"""Scoring samples that somebody else made: a file against a data set gives a card that `compare` accepts."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kantor.atomic import write_json
from kantor.config.checks import check_name
from kantor.config.compose import load_options, replaced
from kantor.config.schema import Configuration
from kantor.data.images import ImageData
from kantor.data.module import BlockData
from kantor.engine.assembly import build_evaluation
from kantor.engine.score import record
from kantor.errors import UserError
from kantor.evaluation import second_opinion, tensor_files
from kantor.evaluation.base import PRESETS, Evaluation, split_draws
from kantor.evaluation.protocol import Protocol
from kantor.marks import check_apart, claim
from kantor.paths import path_of
from kantor.processes import Processes
from kantor.report.page import write_report
from kantor.runs.directory import RunDirectory
from kantor.runs.provenance import provenance
from kantor.samplers.direct import Direct
from kantor.samples.copies import check_copies
from kantor.samples.files import codec, random_selection, read_samples, write_samples
from kantor.version import __version__

SHOWN = 64
"""Pictures in the sheet of what was given, for pages."""

OF_RUNS = ("evaluation.weights", "evaluation.checkpoint", "evaluation.every")
"""What an evaluation asks of a run alone."""


def evaluate_files(
    given: dict[str, str], overrides: list[tuple[str, Any]], *, config_dirs: list[str] | None = None
) -> dict[str, Any]:
    """Score `images=` against `data=` and write a card and a page to `out=`.

    Args:
        given: `images`, `data`, `out`, and perhaps `evaluation` (without it, that of `PRESETS`) and `extractor`.
        overrides: values for `data.*`, `evaluation.*` and `extractor.*`.
        config_dirs: directories with further groups.

    Returns:
        The card; config_hash, seed and budget are null. In Inception's features it has what torch-fidelity says, too.

    Raises:
        UserError: something is missing, there are too few samples, or all pictures are copies of training pictures.
    """
    check_words(given)
    data, evaluation = chosen(given, overrides, config_dirs)
    file, directory = path_of(given["images"]), RunDirectory(path_of(given["out"]))
    if isinstance(data, ImageData):
        check_apart("out", given["out"], [*data.inputs, *([file] if file.is_dir() else [])])
    evaluation.kinds(data)
    samples = read_samples(file, data, random_selection(evaluation.n * evaluation.draws, seed=evaluation.seed))
    data.prepare_data()
    draws = split_draws(samples, evaluation, data)
    if isinstance(data, ImageData):
        check_copies(draws, data)
    directory.create()
    claim(directory.samples)
    write_samples(shown(draws[0]), directory.samples / "given.png")
    whole = card_of_file(file, draws, evaluation, data)
    write_json(directory.card_json, whole)
    opinion = second_opinion.of_draws(draws, evaluation, data)
    if opinion is not None:
        whole["torch_fidelity"] = opinion
        write_json(directory.card_json, whole)
    write_report(directory)
    return whole


def chosen(
    given: dict[str, str], overrides: list[tuple[str, Any]], config_dirs: list[str] | None
) -> tuple[BlockData, Evaluation]:
    """The data, and how samples are scored against them; arguments as of `evaluate_files`.

    Raises:
        UserError: there are no such options or keys.
    """
    words = load_options({"data": given["data"]}, config_dirs)
    of_data = [(key, value) for key, value in overrides if key.startswith("data.")]
    data = Configuration(replaced(words, of_data)).build("data", seed=0)
    options = {"evaluation": PRESETS[data.content], **given}
    words |= load_options(
        {group: options[group] for group in ("evaluation", "extractor") if group in options}, config_dirs
    )
    words |= load_options({"likelihood": "none"})  # which only a model has
    words = replaced(words, overrides)
    check_name("evaluation.name", words["evaluation"]["name"])
    return data, build_evaluation(Configuration(words), Direct(), None)


def coded(protocol: Protocol, file: Path) -> Protocol:
    """The protocol of pictures whose files may have lost something."""
    lost = codec(file)
    return protocol if lost == "none" else replace(protocol, split={**protocol.split, "codec": lost})


def shown(draw: np.ndarray) -> np.ndarray:
    """Points (n, 2), or the first pictures of uint8 (n, C, H, W), (SHOWN, H, W, C)."""
    return draw if draw.ndim == 2 else draw[:SHOWN].transpose(0, 2, 3, 1)


def check_words(given: dict[str, str]) -> None:
    """Check what was named, before anything is read.

    Raises:
        UserError: a key is missing or one too many, or `out` has files that are not to be replaced.
    """
    for key in ("images", "data", "out"):
        if key not in given:
            raise UserError(f"{key}= is missing: expected images=PATH data=NAME out=DIR")
    if "run" in given:
        raise UserError("run= and images= together: expected one of the two")
    if "sampler" in given:
        raise UserError(f"sampler={given['sampler']} with images=: these samples are drawn already; leave it out")
    for key in OF_RUNS:
        if key in given:
            raise UserError(f"{key}={given[key]} with images=: it is about runs, and these are files; leave it out")
    if given.get("evaluation") == "none":
        raise UserError("evaluation=none scores nothing: leave it out, or name one of `kantor list evaluations`")
    check_out(RunDirectory(path_of(given["out"])))


def check_out(directory: RunDirectory) -> None:
    """Check that writing a card and a page there replaces none but those of an earlier call.

    Raises:
        UserError: it would replace a run's, or somebody's files of these names.
    """
    if directory.exists:
        raise UserError(f"out={directory.path} is a run with a card of its own: name another directory")
    try:
        ours = directory.card_json.is_file() and "kantor" in directory.card()
    except UserError:
        ours = False
    for file in (directory.card_json, directory.report_html):
        if file.exists() and not ours:
            raise UserError(f"out={directory.path} has a {file.name} that is none of kantor's: name another directory")


def card_of_file(file: Path, draws: list[np.ndarray], evaluation: Evaluation, data: BlockData) -> dict[str, Any]:
    """A card without a training behind it: the scores of what a file holds."""
    began = time.perf_counter()
    made = record(
        evaluation,
        coded(evaluation.protocol(data), file),
        evaluation.score_draws(draws, data, Processes()),
        at_step=None,
        sampling={"checkpoint": file.name, "weights": "file", "sampler": "file", "nfe": None},
        digest=tensor_files.digest({str(number): torch.from_numpy(draw) for number, draw in enumerate(draws)}),
        draws=len(draws),
    )
    seconds = round(time.perf_counter() - began, 3)
    return {
        "kantor": __version__,
        "experiment": file.stem,
        "config_hash": None,
        "seed": None,
        "status": "finished",
        "processes": 1,
        "made_by": None,
        "budget": {},
        "cost": {"train_seconds": None, "evaluate_seconds": seconds, "peak_memory_bytes": None, "parameters": {}},
        "evaluations": [{**made, "made_by": provenance()}],
    }
