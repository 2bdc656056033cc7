"""The denoising pattern of optimisation: one network, one optimizer, one loss at random levels of noise."""

from collections.abc import Mapping, Sequence
from functools import partial

import torch
from pytorch_lightning.core.optimizer import LightningOptimizer
from torch import Tensor, nn

from kantor import keyed, user_code
from kantor.data.module import PointData
from kantor.data.points import PointDistribution
from kantor.data.stream import Block
from kantor.errors import UserError, as_given
from kantor.messages import say
from kantor.models import denoising_findings, gradients
from kantor.models.base import GenerativeModel
from kantor.models.charts import Chart
from kantor.models.denoising_measurements import LEARNED, LOOKED_AT, RANGE, outside, over_nothing
from kantor.models.ema import Averaging
from kantor.models.gradients import gradient_norms
from kantor.models.health import Check
from kantor.models.networks import device_of, evaluating
from kantor.models.optimisation import SingleOptimisation
from kantor.models.part import Part
from kantor.models.regret import LOSSES, REGRETS, by_quartile
from kantor.models.schedules import Schedule
from kantor.noising.denoiser import Contiguous, Denoiser, HasVariance, Predict
from kantor.noising.exact import Exact, exact_denoiser, exact_told
from kantor.noising.path import Path
from kantor.objectives import contract
from kantor.objectives.denoising import Denoising
from kantor.samplers.base import DenoisingSampler
from kantor.samplers.guidance import Guide, Guided


class DenoisingModel(GenerativeModel):
    """Diffusion, flow and score models; what differs between them is the objective's path, parametrisation, weight and
    times.

    Args:
        denoiser: (B, …) and what it is told of the noise, float32 (B,) → (B, …); of a conditional model also labels,
            int64 (B,) in 0 … classes, where `classes` itself stands for no label.
        shape: of one sample.
        label_dropout: the share of training samples whose label is withheld, in [0, 1), so that the network learns to
            do without (Ho & Salimans 2022, arXiv:2207.12598, algorithm 1); 0 for an unconditional model.
        objective: the loss.
        optimisation: the optimizer.
        averaging, schedule, classes, seed: as in `GenerativeModel`.

    Raises:
        UserError: labels are to be withheld, and there are none.
    """

    step_is = "one step of the denoiser"
    sampler_kind = DenoisingSampler
    optimisation: SingleOptimisation

    def __init__(
        self,
        *,
        denoiser: nn.Module,
        shape: Sequence[int],
        label_dropout: float,
        objective: Denoising,
        optimisation: SingleOptimisation,
        averaging: Averaging | None,
        schedule: Schedule | None,
        classes: int | None,
        seed: int,
    ) -> None:
        super().__init__(optimisation=optimisation, averaging=averaging, schedule=schedule, classes=classes, seed=seed)
        if not 0 <= label_dropout < 1:
            raise UserError(f"label_dropout={label_dropout}: expected a share in [0, 1), such as 0.1")
        if label_dropout > 0 and classes is None:
            raise UserError(
                f"label_dropout={label_dropout}: an unconditional model has no labels to withhold; take "
                "label_dropout=0, or a conditional model"
            )
        self.denoiser = denoiser
        self.shape = tuple(shape)
        self.label_dropout = label_dropout
        self.objective = objective
        self.truth: PointDistribution | None = None
        self.make_averages()

    def networks(self) -> dict[str, nn.Module]:
        """`denoiser`."""
        return {"denoiser": self.denoiser}

    def sampling_networks(self) -> dict[str, nn.Module]:
        """`denoiser`."""
        return self.networks()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """The denoiser's."""
        return self.optimisation.optimizer(self.denoiser.parameters())

    def training_step(self, block: Block, batch_idx: int) -> None:
        """One step on the one batch of a block (1, B, …)."""
        optimizer, parts = self.optimizers(), self.parts(block)
        assert isinstance(optimizer, LightningOptimizer)
        self.set_learning_rates(optimizer.optimizer)
        optimizer.zero_grad()
        losses = []
        for part in parts:
            loss = self._loss(part)
            self.manual_backward(loss / len(parts))
            losses.append(loss.detach())
        self.optimisation.clip(self.denoiser)
        optimizer.step()
        self.average_buffers()
        self.values = {"train/loss": torch.stack(losses).mean()}
        self.count_step(images=block.samples.shape[1])

    def _loss(self, part: Part) -> Tensor:
        """The mean over a part of a batch."""
        x, labels = part.batch(0)
        predict = predicting(self.denoiser, self._withheld(labels, part.rng))
        return self.objective.losses(predict, x, part.rng).losses.mean()

    def _withheld(self, labels: Tensor | None, rng: keyed.Rng) -> Tensor | None:
        """Labels, some of them replaced by that for none."""
        if labels is None or self.label_dropout == 0:
            return labels
        assert self.classes is not None
        return labels.masked_fill(rng.uniform(len(labels)) < self.label_dropout, self.classes)

    def on_fit_start(self) -> None:
        """Also learn the law of the data, of points."""
        super().on_fit_start()
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        self.truth = data.distribution if isinstance(data, PointData) else None

    def exact(self, labels: Tensor | None) -> Exact | None:
        """The denoiser that knows the law of the data, and the labels int64 (B,) that this model is told; None where it
        is not known."""
        if self.truth is None:
            return None
        return exact_denoiser(self.truth) if labels is None else exact_told(self.truth, labels)

    def check_losses(self, block: Block) -> None:
        """One loss for each sample, and it teaches the denoiser."""
        x, rng, labels = block.samples[0], keyed.Rng(0, device=self.device), None
        if self.classes is not None and block.labels is not None:
            labels = block.labels[0]
        said = contract.named(self.objective.losses)
        losses = self.objective.losses(predicting(self.denoiser, labels), x, rng).losses
        if losses.shape != (len(x),):
            raise UserError(f"{said} gives losses of shape {tuple(losses.shape)}, expected one for each sample, (B,)")
        contract.check_teaches(contract.check_scalar(losses.mean(), said), self.denoiser, said, who="denoiser")

    def check_networks(self) -> None:
        """Also say that batch normalisation does not belong into a denoiser."""
        super().check_networks()
        if any(isinstance(layer, nn.modules.batchnorm._BatchNorm) for layer in self.denoiser.modules()):
            say(
                "model.denoiser has batch normalisation, which mixes the levels of noise of a batch in training, and "
                "takes the mean over all levels for each when it samples. Take group normalisation"
            )

    def measurements(self, block: Block, rng: keyed.Rng) -> dict[str, Tensor]:
        """Also the norm of the gradient, what was learned at all, the loss by level of noise, and of pictures where the
        estimated ones lie."""
        values = super().measurements(block, rng) | gradient_norms(self.networks())
        x = block.samples[0][:LOOKED_AT]
        labels = None if self.classes is None or block.labels is None else block.labels[0][:LOOKED_AT]
        key = int(float(rng.open_uniform(1)) * 2**53)
        noise = partial(keyed.Rng, key, device=self.device)
        values |= over_nothing(self.objective, predicting(self.denoiser, labels), x, noise)
        rows = torch.arange(-(-len(x) // 4) * 4) % len(x)  # as many in every quartile, however few a process has
        with evaluating(self.networks()):
            of_rows = None if labels is None else labels[rows]
            told, exact = self.denoiser_of(self.networks(), of_rows), self.exact(of_rows)
            values |= by_quartile(self.objective, told, exact, x[rows], rng)
            if x.dim() > 2:
                values |= outside(self.denoiser_of(self.networks(), labels), self.path, x, rng)
        return values

    def checks(self) -> Mapping[str, Check]:
        """Also those of `kantor.models.denoising_findings`."""
        return {**super().checks(), **denoising_findings.checks(denoising_findings.Setting.of(self.path))}

    def charts(self) -> tuple[Chart, ...]:
        """Of what is measured."""
        of_content = (RANGE,) if len(self.shape) > 1 else (REGRETS,)
        return (*super().charts(), gradients.chart(self.networks()), LEARNED, LOSSES, *of_content)

    def batches_per_step(self, step: int) -> int:
        """1."""
        return 1

    def batches_before(self, step: int) -> int:
        """One for each step."""
        return step

    @property
    def path(self) -> Path:
        """That of the objective."""
        return self.objective.path

    def denoiser_of(self, networks: Mapping[str, nn.Module], labels: Tensor | None = None) -> Denoiser:
        """What given networks (the raw ones or an average) estimate, told labels int64 (B,) where they take them."""
        return self.objective.denoiser(predicting(networks["denoiser"], labels))

    def draw(
        self,
        networks: Mapping[str, nn.Module],
        n: int,
        *,
        rng: keyed.Rng,
        sampler: DenoisingSampler,
        labels: Tensor | None,
    ) -> Tensor:
        """`n` samples, from noise by the sampler, guided where it says so."""
        denoiser: Denoiser = self.denoiser_of(networks, labels)
        if sampler.guidance != 1:
            denoiser = Guided(denoiser, self._worse(networks, sampler.guide, labels), sampler.guidance)
        if not type(sampler).__module__.startswith("kantor."):
            denoiser = Contiguous(denoiser)
        return sampler.draw(denoiser, self.path, (n, *self.shape), rng)

    def _worse(self, networks: Mapping[str, nn.Module], guide: str | Guide | None, labels: Tensor | None) -> Denoiser:
        """What guidance leads away from: another model, or this one without labels."""
        assert not isinstance(guide, str), "it was not opened"
        if guide is not None:
            return guide.denoiser(labels, self.device)
        assert labels is not None and self.classes is not None
        return self.denoiser_of(networks, torch.full_like(labels, self.classes))

    def check_sampler(self, sampler: DenoisingSampler) -> None:
        """Check what the sampler asks of path and denoiser.

        Raises:
            UserError: the path has not so many steps, the grid is not made for it, no variance was learned, or there is
                nothing that guidance could lead away from.
        """
        sampler.levels(self.path)
        self._check_guidance(sampler)
        if sampler.needs_variance and not isinstance(self.denoiser_of(self.networks()), HasVariance):
            raise UserError(
                "variance=learned: the model has learned none; take beta_tilde or beta, or an objective that learns it"
            )

    def _check_guidance(self, sampler: DenoisingSampler) -> None:
        guide, given = sampler.guide, f"guidance={sampler.guidance}"
        if sampler.guidance != 1 and guide is None and self.classes is None:
            raise UserError(
                f"{given}: the model is unconditional and knows no labels; take sampler.guidance=1, or name a worse "
                "run to be guided away from, sampler.guide=RUN"
            )
        if sampler.guidance != 1 and guide is None and self.label_dropout == 0:
            raise UserError(
                f"{given}: the model was never trained without its labels; train one with model.label_dropout=0.1, or "
                "take sampler.guidance=1, or name a worse run to be guided away from, sampler.guide=RUN"
            )
        if guide is None or isinstance(guide, str):
            return
        if guide.shape != self.shape:
            raise UserError(
                f"guide: the samples of {guide.name} are {guide.shape}, the model's {self.shape}; name another run"
            )
        if guide.classes not in (None, self.classes):
            raise UserError(
                f"guide: the labels of {guide.name} are of {guide.classes} classes, the model's of {self.classes}; "
                "name another run"
            )

    def check_shapes(self, sample_shape: tuple[int, ...]) -> None:
        """Run two noisy samples through the denoiser.

        Raises:
            UserError: it does not fit the data.
        """
        if self.shape != sample_shape:
            raise UserError(
                f"shape={as_given(self.shape)}: the data are {sample_shape}; give the model and its denoiser their "
                "shape, or take data or a model of the other's"
            )
        device = device_of(self.denoiser)
        labels = None if self.classes is None else torch.tensor([0, self.classes], device=device)
        told = "" if labels is None else f" and labels 0 … {self.classes}"
        x = torch.zeros(2, *sample_shape, device=device)
        try:
            given = predicting(self.denoiser, labels)(x, torch.full((2,), 0.5, device=device))
        except UserError as error:
            raise UserError(f"denoiser: {error}") from error
        except Exception as error:
            raise UserError(
                f"denoiser: it cannot take samples {sample_shape}, the time{told}: {user_code.reason(error)}"
            ) from error
        if not isinstance(given, Tensor):
            raise UserError(f"denoiser: it makes a {type(given).__name__} of samples, expected one tensor")
        expected = (self.objective.channels(sample_shape[0]), *sample_shape[1:])
        if given.shape[1:] != expected:
            wanted = "the same"
            if expected != sample_shape:
                wanted = f"{expected}: {type(self.objective).__name__} learns a variance"
            raise UserError(f"denoiser: of samples {sample_shape} it makes {tuple(given.shape[1:])}, expected {wanted}")


def predicting(network: nn.Module, labels: Tensor | None) -> Predict:
    """A network as a function of inputs and noise alone."""
    return network if labels is None else partial(network, labels=labels)
