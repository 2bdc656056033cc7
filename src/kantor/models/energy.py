"""The energy pattern of optimisation: one network that gives each state a number, p(x) = e^{-E(x)}/Z, and chains that
are moved by it."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence

import torch
from pytorch_lightning.core.optimizer import LightningOptimizer
from torch import Tensor, nn

from kantor import keyed, user_code
from kantor.data.images import ImageData
from kantor.data.stream import Block
from kantor.errors import NonFiniteError, UserError, as_given
from kantor.models import energy_findings, energy_measurements, gradients
from kantor.models.base import GenerativeModel, Limits
from kantor.models.charts import Chart
from kantor.models.ema import Averaging
from kantor.models.gradients import gradient_norms
from kantor.models.health import Check
from kantor.models.networks import device_of, evaluating
from kantor.models.optimisation import SingleOptimisation
from kantor.models.part import Part
from kantor.models.schedules import Schedule
from kantor.nets.rbm import RBM
from kantor.objectives import contract
from kantor.objectives.energies import EnergyObjective, Terms
from kantor.samplers.chains import ChainSampler, Lost, walk
from kantor.samplers.spaces import Space

FLOAT32 = "chains are moved by small differences of energies, of which 8 bits are too few"


@contextlib.contextmanager
def lost_in(what: str, where: str) -> Iterator[None]:
    """Move chains.

    Args:
        what: is done with them.
        where: their kernel is set, as the command line has it.

    Raises:
        NonFiniteError: some are lost; what was done and what to lower are named.
    """
    try:
        yield
    except Lost as lost:
        raise NonFiniteError(f"{what}: {str(lost).replace(': lower ', f': lower {where}.kernel.')}") from lost


class EnergyModel(GenerativeModel):
    """Boltzmann machines and deep energy models; what differs between them is the energy, the space of its states, and
    the objective.

    Args:
        energy: states (B, …) → nats (B,).
        shape: of one sample.
        space: of the states.
        objective: the loss, with the chains that it asks for.
        optimisation: the optimizer.
        averaging, schedule, seed: as in `GenerativeModel`.

    Attributes:
        chains: those that are kept, (size, …), the same on every process; (0, …) where the objective keeps none.
        data_means: of the states of the data, of one sample; where annealing begins.
    """

    step_is = "one step of the energy"
    sampler_kind = ChainSampler
    optimisation: SingleOptimisation
    chains: Tensor
    data_means: Tensor

    def __init__(
        self,
        *,
        energy: nn.Module,
        shape: Sequence[int],
        space: Space,
        objective: EnergyObjective,
        optimisation: SingleOptimisation,
        averaging: Averaging | None,
        schedule: Schedule | None,
        seed: int,
    ) -> None:
        super().__init__(optimisation=optimisation, averaging=averaging, schedule=schedule, classes=None, seed=seed)
        self.energy = energy
        self.shape = tuple(shape)
        self.space = space
        self.objective = objective
        kept = objective.kept
        size = 0 if kept is None else kept.size
        rng = keyed.Rng(keyed.seed(seed, "fresh chains"))
        self.register_buffer("chains", space.fresh((size, *self.shape), rng))
        self.register_buffer("data_means", torch.full(self.shape, 0.5))
        self.make_averages()

    def networks(self) -> dict[str, nn.Module]:
        """`energy`."""
        return {"energy": self.energy}

    def sampling_networks(self) -> dict[str, nn.Module]:
        """`energy`."""
        return self.networks()

    @property
    def limits(self) -> Limits:
        """Only float32; score matching is not compiled."""
        twice = "torch.compile cannot differentiate a gradient" if self.objective.double_backward else None
        return Limits(precisions={"16-mixed": FLOAT32, "bf16-mixed": FLOAT32}, compile=twice)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """The energy's."""
        return self.optimisation.optimizer(self.energy.parameters())

    def training_step(self, block: Block, batch_idx: int) -> None:
        """One step on the one batch of a block (1, B, …), after its chains were moved."""
        optimizer, parts = self.optimizers(), self.parts(block)
        assert isinstance(optimizer, LightningOptimizer)
        self.set_learning_rates(optimizer.optimizer)
        optimizer.zero_grad()
        rows, found = self._rows(parts), []
        each = len(rows) // (self.trainer.world_size * len(parts))
        own = rows.view(self.trainer.world_size, len(parts), each)[self.trainer.global_rank]
        for part, which in zip(parts, own, strict=True):
            terms = self._terms(part, which)
            self.manual_backward(terms.loss / len(parts))
            found.append(terms)
        self.optimisation.clip(self.energy)
        optimizer.step()
        self.average_buffers()
        self._keep(rows, [terms.chains for terms in found if terms.chains is not None])
        self.values = {"train/loss": torch.stack([terms.loss.detach() for terms in found]).mean()}
        for name in found[0].values:
            self.values[f"train/{name}"] = torch.stack([terms.values[name] for terms in found]).mean()
        self.count_step(images=block.samples.shape[1])

    def _terms(self, part: Part, which: Tensor) -> Terms:
        """Of a part of a batch, and of the kept chains of these rows."""
        x, _ = part.batch(0)
        chains = self.chains[which] if len(which) else None
        with lost_in(f"at step {self.steps + 1}", "objective"):
            return self.objective.terms(self.energy, self.space.of_data(x, part.rng), self.space, chains, part.rng)

    def _rows(self, parts: Sequence[Part]) -> Tensor:
        """Which of the kept chains this step moves, of all processes: as many as the batch has samples, int64; none
        where none are kept."""
        if not len(self.chains):
            return torch.empty(0, dtype=torch.int64)
        moved = sum(part.samples.shape[1] for part in parts) * self.trainer.world_size
        assert moved <= len(self.chains), "check_batch was not asked"
        order = keyed.generator(self.seed, "chains", self.steps).permutation(len(self.chains))
        return torch.from_numpy(order[:moved]).to(self.chains.device)

    def _keep(self, rows: Tensor, moved: Sequence[Tensor]) -> None:
        """Put chains back, also those that other processes moved."""
        if len(rows):
            gathered = self.all_gather(torch.cat(list(moved)))
            assert isinstance(gathered, Tensor)
            self.chains[rows] = gathered.reshape(len(rows), *self.shape)

    def check_batch(self, size: int) -> None:
        """Check that there are as many chains as a batch moves.

        Raises:
            UserError: there are fewer.
        """
        if 0 < len(self.chains) < size:
            raise UserError(
                f"objective.chains.size={len(self.chains)}: a batch moves {size}; keep at least as many, or take "
                f"data.batch_size={len(self.chains)}"
            )

    def on_fit_start(self) -> None:
        """Also look at the means of the data."""
        super().on_fit_start()
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        if self.space.is_discrete and isinstance(data, ImageData):
            self.data_means.copy_(energy_measurements.mean_picture(data))

    def draw(
        self,
        networks: Mapping[str, nn.Module],
        n: int,
        *,
        rng: keyed.Rng,
        sampler: ChainSampler,
        labels: Tensor | None,
    ) -> Tensor:
        """`n` samples: where as many chains have come to; of bits the probabilities of the next ones, which are
        grey."""
        energy = networks["energy"]
        begin = self.space.fresh((n, *self.shape), rng) if sampler.start == "noise" else self._some(n, rng)
        with lost_in("sampling", "sampler"):
            x = walk(sampler.kernel, energy, begin, self.space, steps=sampler.steps, rng=rng).x
        return self.space.as_data(sampler.kernel.shown(energy, x, rng))

    def _some(self, n: int, rng: keyed.Rng) -> Tensor:
        """Of the kept chains, others each time; each again and again where there are fewer than n."""
        order = rng.uniform(len(self.chains)).argsort()
        return self.chains[order[torch.arange(n, device=order.device) % len(order)]]

    def check_sampler(self, sampler: ChainSampler) -> None:
        """Check that the kernel moves states of the energy, and that there are chains to begin with.

        Raises:
            UserError: it does not, or there are none.
        """
        refusal = sampler.kernel.refusal(self.energy, self.space)
        if refusal is not None:
            raise UserError(f"kernel: {refusal}")
        if sampler.start == "kept" and not len(self.chains):
            raise UserError("start=kept: the objective keeps no chains; take sampler.start=noise")

    def batches_per_step(self, step: int) -> int:
        """1."""
        return 1

    def batches_before(self, step: int) -> int:
        """One for each step."""
        return step

    def check_networks(self) -> None:
        """Also the energy against the objective."""
        super().check_networks()
        refusal = self.objective.refusal(self.energy, self.space)
        if refusal is not None:
            raise UserError(f"objective: {refusal}")

    def check_losses(self, block: Block) -> None:
        """The loss is a scalar that teaches the energy."""
        rng, said = keyed.Rng(0, device=self.device), contract.named(self.objective.terms)
        x = self.space.of_data(block.samples[0], rng)
        chains = None if not len(self.chains) else self.space.fresh(tuple(x.shape), rng)
        terms = self.objective.terms(self.energy, x, self.space, chains, rng)
        contract.check_teaches(contract.check_scalar(terms.loss, said), self.energy, said, who="energy")

    def check_shapes(self, sample_shape: tuple[int, ...]) -> None:
        """Ask for the energies of two samples.

        Raises:
            UserError: it does not fit the data.
        """
        refusal = self.space.refusal(sample_shape)
        if refusal is not None:
            raise UserError(f"space={type(self.space).__name__}: {refusal}")
        if self.shape != sample_shape:
            raise UserError(
                f"shape={as_given(self.shape)}: the data are {sample_shape}; give model and energy their shape, or "
                "take data or a model of the other's"
            )
        try:
            given = self.energy(torch.zeros(2, *sample_shape, device=device_of(self.energy)))
        except UserError as error:
            raise UserError(f"energy.{error}") from error
        except Exception as error:
            raise UserError(f"energy: it cannot take samples {sample_shape}: {user_code.reason(error)}") from error
        if not isinstance(given, Tensor) or tuple(given.shape) != (2,):
            kind = tuple(given.shape[1:]) if isinstance(given, Tensor) else f"a {type(given).__name__}"
            raise UserError(f"energy: it gives {kind} for each sample, expected one number (outputs: null)")

    @property
    def means(self) -> Tensor:
        """`data_means`."""
        return self.data_means

    def energy_of(self, networks: Mapping[str, nn.Module]) -> nn.Module:
        """`energy`."""
        return networks["energy"]

    def filters(self, networks: Mapping[str, nn.Module]) -> Tensor | None:
        """What the hidden units of a machine have for each pixel."""
        machine = networks["energy"]
        return machine.weight.detach().unflatten(1, self.shape) if isinstance(machine, RBM) else None

    @property
    def surface_name(self) -> str:
        """`energy`."""
        return "energy"

    @property
    def surface_has_zero(self) -> bool:
        """Energies are known up to a constant."""
        return False

    @torch.no_grad()
    def surface(self, samples: Tensor) -> Tensor:
        """The energies of samples as the data have them, (n, …) → (n,), of the weights that are drawn from."""
        networks = self.weights(self.weights.default)
        with evaluating(networks):
            states = self.space.of_data(samples, keyed.Rng(0, device=samples.device))
            return networks["energy"](states)

    def measurements(self, block: Block, rng: keyed.Rng) -> dict[str, Tensor]:
        """Also the norm of the gradient, and the energies of data, of chains that are kept and of fresh ones."""
        values = super().measurements(block, rng) | gradient_norms(self.networks())
        x = self.space.of_data(block.samples[0][: energy_measurements.LOOKED_AT], rng)
        with lost_in(f"measuring after step {self.steps}", "objective"):
            return values | energy_measurements.energies(self.objective, self.energy, x, self.space, self.chains, rng)

    def checks(self) -> Mapping[str, Check]:
        """Also those of `kantor.models.energy_findings`."""
        return {**super().checks(), **energy_findings.checks(keeps=self.objective.kept is not None)}

    def charts(self) -> tuple[Chart, ...]:
        """Of what is measured."""
        measured = energy_measurements.charts(self.objective)
        return (*super().charts(), gradients.chart(self.networks()), *measured)
