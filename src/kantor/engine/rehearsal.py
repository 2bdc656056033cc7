"""A rehearsal: one step, one measurement, one sample and one score of code that nobody has tried yet, before anything
is written.

Kantor's own parts are tried by its tests. Others are tried here, on a model of their own and with two samples in each
pass through the networks, so that no weight, no buffer and no random state of the run knows of it.
"""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.plugins.environments import LightningEnvironment
from torch import Tensor

from kantor import global_generators, keyed, user_code
from kantor.callbacks.clock import Clock
from kantor.callbacks.measurement import rng_of_step
from kantor.callbacks.pictures import Picture, rendered
from kantor.callbacks.untouched import untouched
from kantor.config.schema import TRAINED
from kantor.data import pixels
from kantor.data.images import ImageData
from kantor.data.module import BlockData, PointData
from kantor.data.stream import Block
from kantor.engine.assembly import Assembly
from kantor.engine.first_block import FirstBlock
from kantor.engine.fit import make_pictures
from kantor.engine.lightning import quiet_lightning
from kantor.engine.models import build_model
from kantor.errors import UserError
from kantor.evaluation.base import Evaluation
from kantor.evaluation.images import ImageEvaluation
from kantor.figure_style import own_style
from kantor.models.base import GenerativeModel
from kantor.models.sampling import Sampling
from kantor.numerics import numerics
from kantor.processes import Processes

SAMPLES = 2
"""In each pass through the networks: batch normalisation asks for two."""

EVALUATIONS = 4
"""Of a network for the sample, at most: a sampler of a thousand steps has shown by then what it does."""

POINTS = 16
"""Of real points, for scores."""


def try_out(run: Assembly) -> None:
    """Try what of a run is not kantor's; its data are prepared.

    Raises:
        UserError: something does not work; the sentence names the line of the user's.
    """
    is_foreign = run.configuration.foreign
    foreign = is_foreign(*TRAINED, "data", "sampler", "extractor", "evaluation", "likelihood", "stop", "pictures")
    if not foreign or _is_done(run):
        return
    quiet_lightning()
    settings = run.configuration.trainer
    device = run.device if settings.world == 1 else torch.device("cpu")
    with (
        numerics(threads=settings.threads, matmul_precision=settings.matmul_precision),
        global_generators.keyed(keyed.seed(run.configuration.seed, "trial"), device),
    ):
        if is_foreign(*TRAINED, "data", "stop"):
            with _trying("the first batch", foreign):
                data = FirstBlock(run.data, run.model, n=SAMPLES * run.model.optimisation.accumulate)
        if is_foreign(*TRAINED, "sampler", "likelihood", "stop", "pictures"):
            with _trying("the model", foreign):
                model = build_model(run.configuration, torch.device("cpu")).to(device)
        if is_foreign(*TRAINED):
            with _trying("the losses", foreign):
                samples, labels = data.block
                model.check_losses(Block(samples.to(device), None if labels is None else labels.to(device)))
        if is_foreign(*TRAINED, "stop"):
            with _trying("one training step", foreign):
                _step(run, model, data, device)
        if is_foreign("model", "objective", "sampler"):
            with _trying("one sample", foreign), _few_evaluations(model.to(device)):
                _sample(model, run)
        if is_foreign("likelihood"):
            with _trying("the likelihood", foreign):
                _cost(model.to(device), run)
        if is_foreign("pictures"):
            with _trying("the pictures", foreign), _few_evaluations(model.to(device)):
                _draw(model, run)
        if is_foreign("extractor"):
            with _trying("the extractor", foreign):
                _extract(run)
        if is_foreign("evaluation"):
            with _trying("the scores", foreign):
                _score(run)


def _is_done(run: Assembly) -> bool:
    finished = run.directory.exists and run.directory.status()["state"] == "finished"
    return finished and not run.configuration.rerun


@contextmanager
def _trying(what: str, foreign: list[str]) -> Iterator[None]:
    """Say an error in a sentence, with the user's own line or else with the names of all that is not kantor's."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        whose = "" if user_code.own_line(error) is not None else f" with {', '.join(dict.fromkeys(foreign))}"
        raise UserError(
            f"{what}{whose} was tried before anything is written, and fails: {user_code.reason(error)}; "
            "KANTOR_TRACEBACK=1 shows the way there"
        ) from error


class _Looking(pl.Callback):
    """Measures after the step, as a run does."""

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """The step's values and the measurements are scalars."""
        assert isinstance(pl_module, GenerativeModel) and isinstance(batch, Block)
        rng = rng_of_step(trainer, pl_module, pl_module.seed)
        with torch.no_grad(), untouched(pl_module.networks().values(), rng.layers):
            values = {**pl_module.values, **pl_module.measurements(batch, rng)}
        for name, value in values.items():
            if not isinstance(value, Tensor) or value.dim() or value.requires_grad:
                raise UserError(
                    f"model: {type(pl_module).__name__} logs {name} as {_described(value)}: expected a scalar tensor "
                    "without its graph, as x.mean().detach() is"
                )


def _step(run: Assembly, model: GenerativeModel, data: FirstBlock, device: torch.device) -> None:
    settings = run.configuration.trainer
    ends = run.configuration.foreign("stop") and run.configuration.build(
        "stop", model=model, clock=Clock(), seed=model.seed
    )
    trainer = pl.Trainer(
        accelerator={"cuda": "gpu"}.get(device.type, device.type),
        devices=1,
        precision=settings.precision if settings.world == 1 else "32-true",  # type: ignore[arg-type]
        max_steps=1,
        max_epochs=-1,
        callbacks=[_Looking(), *([ends] if ends else [])],
        plugins=[LightningEnvironment()],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
    trainer.fit(model, datamodule=data)
    if model.steps != 1:
        raise UserError(
            f"model: {type(model).__name__}.training_step ended without count_step(): expected one call in each step"
        )


class _Enough(Exception):
    """The sampler has asked its networks often enough."""


@contextmanager
def _few_evaluations(model: GenerativeModel) -> Iterator[None]:
    asked = itertools.count()

    def stop(*_: Any) -> None:
        if next(asked) >= EVALUATIONS:
            raise _Enough

    networks = model.weights(model.weights.default).values()
    hooks = [network.register_forward_pre_hook(stop) for network in networks]
    try:
        with suppress(_Enough):
            yield
    finally:
        for hook in hooks:
            hook.remove()


def _sample(model: GenerativeModel, run: Assembly) -> None:
    rng = keyed.Rng(keyed.seed(run.configuration.seed, "trial"), device=model.device)
    drawn = Sampling(model.weights.default, run.sampler)(model, SAMPLES, rng=rng)
    expected = (SAMPLES, *run.data.sample_shape)
    if not isinstance(drawn, Tensor) or tuple(drawn.shape) != expected:
        raise UserError(f"model: samples are drawn as {_described(drawn)}, expected a tensor of shape {expected}")


def _described(value: object) -> str:
    if not isinstance(value, Tensor):
        return f"a {type(value).__name__}"
    return f"a tensor of shape {tuple(value.shape)}{' with its graph' if value.requires_grad else ''}"


def _draw(model: GenerativeModel, run: Assembly) -> None:
    """The user's pictures, which nobody keeps."""
    for picture in make_pictures(run, Clock())[0]:
        if isinstance(picture, Picture) and not type(picture).__module__.startswith("kantor."):
            with own_style(formulas=True), torch.no_grad(), untouched(model.networks().values(), 0):
                drawing = picture.draw(model)
                if drawing is not None:
                    rendered(drawing)


def _cost(model: GenerativeModel, run: Assembly) -> None:
    """What two real samples cost by the user's likelihood."""
    way, data, rng = run.configuration.build("likelihood"), run.data, keyed.Rng(0, device=model.device)
    if run.evaluation is None:
        return
    if isinstance(data, ImageData):
        rows = np.arange(SAMPLES)
        x, labels = pixels.to_model(data.train.take(rows)), data.train.labels_of(rows)
    else:
        assert isinstance(data, PointData)
        x, labels = torch.from_numpy(data.distribution.sample(SAMPLES, keyed.generator(0, "trial"))).float(), None
    told = None if model.classes is None or labels is None else torch.from_numpy(labels).to(model.device)
    weights, as_bytes = run.evaluation.weights, isinstance(data, ImageData)
    way = way.of(model).prepared(model, x, weights=weights, seed=0, processes=Processes())
    nats = way.nats(model, x, told, weights=weights, rng=rng, as_bytes=as_bytes)
    if not isinstance(nats, Tensor) or nats.dim() != 2 or len(nats) != SAMPLES:
        raise UserError(
            f"likelihood: {type(way).__name__}.nats gives {_described(nats)}, expected one of shape ({SAMPLES}, K): "
            f"the addends of each of {SAMPLES} samples"
        )


def _extract(run: Assembly) -> None:
    """Features of two pictures by the user's network."""
    if isinstance(run.data, ImageData) and run.evaluation is not None:
        assert isinstance(run.evaluation, ImageEvaluation)
        run.evaluation.features(run.data).of_chunk(run.data.train.take(np.arange(SAMPLES)))


def _score(run: Assembly) -> None:
    """The user's own scores, of real samples in place of generated ones: as few as there may be."""
    evaluation, data = run.evaluation, run.data
    own = [] if evaluation is None else _own_scores(evaluation, data)
    if evaluation is None or not own:
        return
    few: dict[str, Any] = {"scores": own, "draws": 1, "likelihood": None, "nfe": None}
    if isinstance(evaluation, ImageEvaluation):
        assert isinstance(data, ImageData)
        n = evaluation.neighbours + 1
        few |= {"n_real": n, "memory": None, "infinity": None}
        samples = data.train.take(np.arange(n)).numpy()
    else:
        assert isinstance(data, PointData)
        n = POINTS
        samples = data.distribution.sample(n, keyed.generator(run.configuration.seed, "trial"), stratified=False)
    evaluation = replace(evaluation, n=n, chunk=n, **few)
    protocol = evaluation.protocol(data)
    for name in evaluation.score_draws([samples], data, Processes()):
        protocol.hash_of(name)


def _own_scores(evaluation: Evaluation, data: BlockData) -> list[str]:
    """Those that are asked for, and which no evaluation of kantor's offers."""
    kinds = type(evaluation).__mro__
    kantors = [kind for kind in kinds if kind.__module__.partition(".")[0] == "kantor"]
    ours = {score.name for kind in kantors for score in getattr(kind, "offered", ())}
    offered = {score.name for score in getattr(evaluation, "offered", ())}
    return [name for name in evaluation.kinds(data) if name in offered - ours]
