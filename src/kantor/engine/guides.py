"""Runs as guides of others: an earlier or smaller one, away from which a model is guided while it is sampled."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from kantor.config.schema import Configuration
from kantor.engine.models import build_model, restore_model
from kantor.errors import UserError
from kantor.evaluation import tensor_files
from kantor.models.denoising import DenoisingModel
from kantor.noising.denoiser import Denoiser
from kantor.paths import path_of
from kantor.runs import checkpoints
from kantor.runs.directory import RunDirectory
from kantor.runs.finding import latest


@dataclass(frozen=True, eq=False)
class RunGuide:
    """The model of a run's last checkpoint, with the average of its weights where it keeps one.

    Attributes:
        name: the run's experiment, hash and seed.
        digest: of these weights, SHA-256.
        model: in eval mode.
    """

    name: str
    digest: str
    model: DenoisingModel

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one sample."""
        return self.model.shape

    @property
    def classes(self) -> int | None:
        """Of its labels."""
        return self.model.classes

    def denoiser(self, labels: Tensor | None, device: torch.device) -> Denoiser:
        """As `Guide` has it."""
        model = self.model.to(device)
        return model.denoiser_of(model.weights(model.weights.default), labels if model.classes is not None else None)


def open_guide(run: str) -> RunGuide:
    """The guide that `sampler.guide=RUN` names.

    Raises:
        UserError: there is no such run, or it is of another family of models.
    """
    try:
        directory = latest(Path("outputs")) if run == "latest" else RunDirectory.open(path_of(run))
        model = build_model(Configuration(directory.config(), of_run=True), torch.device("cpu"))
        restore_model(model, directory, "last")
    except UserError as error:
        raise UserError(f"sampler.guide={run}: {error}") from error
    if not isinstance(model, DenoisingModel):
        raise UserError(
            f"sampler.guide={run}: a {type(model).__name__} has no denoiser; name a run of a denoising model"
        )
    networks = model.eval().weights(model.weights.default)
    path = directory.path.absolute()
    return RunGuide(
        name=f"{path.parent.name}/{path.name}",
        digest=tensor_files.digest(checkpoints.sampling_tensors(networks)),
        model=model,
    )
