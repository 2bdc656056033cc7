"""Energy models: chains that are kept, sampled from and measured."""

import dataclasses

import pytest
import torch
from tiny import (
    LANGEVIN,
    PERSISTENT,
    REPLAY,
    SIDE,
    TinyImages,
    energy,
    fit,
    gan,
    points,
    rbm,
    same,
    sampler_of,
    samples,
    state,
)  # fmt: skip
from torch import nn

from kantor import keyed
from kantor.callbacks.checkpointing import Checkpointing
from kantor.data.stream import Block
from kantor.engine.check import check_model
from kantor.engine.models import restore_model
from kantor.errors import NonFiniteError, UserError
from kantor.models.energy import EnergyModel
from kantor.models.energy_findings import checks
from kantor.models.energy_measurements import ACCEPTANCE, GAP, MIXING, OF_DATA, OF_FRESH, OF_KEPT, mean_picture
from kantor.models.health import LOOKS, SETTLED, History
from kantor.models.protocols import HasFilters, HasPartitionFunction, HasSurface
from kantor.nets.rbm import RBM
from kantor.objectives.energies import Kept
from kantor.objectives.score_matching import DenoisingScoreMatching, SlicedScoreMatching
from kantor.runs.checkpoints import AtomicCheckpointIO
from kantor.runs.directory import RunDirectory
from kantor.samplers.chains import ChainSampler
from kantor.samplers.kernels import AdjustedLangevin, Gibbs, UnadjustedLangevin
from kantor.samplers.spaces import Bits

FROM_DATA = dataclasses.replace(PERSISTENT, chains=None)


def moved(model, before):
    """Which of the kept chains are not where they were."""
    return (model.chains != before).flatten(1).any(1)


def test_as_many_chains_are_moved_as_a_batch_has_samples():
    model, before = energy(), energy().chains.clone()
    fit(model, points(), 1)
    assert int(moved(model, before).sum()) == 6  # of 20
    fit(model, points(), 12)
    assert moved(model, before).all()


def test_chains_go_on_from_where_they_were():
    """With steps of next to nothing all but fresh ones stay; those of a machine are bits."""
    still = dataclasses.replace(REPLAY, kernel=UnadjustedLangevin(step_size=1e-12), chains=Kept(size=6, fresh=0.0))
    model = energy(objective=still)
    before = model.chains.clone()
    fit(model, points(), 3)
    torch.testing.assert_close(model.chains, before, rtol=0, atol=1e-4)
    machine = rbm()
    fit(machine, TinyImages(), 2)
    assert Bits(binarise="fixed").holds(machine.chains).all()


def test_chains_begin_where_the_seed_says_whatever_the_weights_are():
    chains = energy().chains
    assert torch.equal(energy(weights=1).chains, chains) and not torch.equal(energy(seed=4).chains, chains)


def test_without_kept_chains_none_are_saved():
    model = rbm(objective=FROM_DATA)
    fit(model, TinyImages(), 2)
    assert model.chains.shape == (0, 1, SIDE, SIDE)


def test_parts_of_a_batch_move_the_chains_of_the_whole():
    whole, parts = (rbm(accumulate=count, averaging=None) for count in (1, 2))
    for model in (whole, parts):
        fit(model, TinyImages(), 2)
    assert torch.equal(whole.chains, parts.chains)
    for name, weights in state(whole.energy).items():
        torch.testing.assert_close(state(parts.energy)[name], weights, rtol=0, atol=1e-5)


def test_a_batch_larger_than_the_kept_chains_is_refused():
    small = dataclasses.replace(REPLAY, chains=Kept(size=4, fresh=0.0))
    with pytest.raises(UserError, match=r"^objective\.chains\.size=4: a batch moves 6; .*data\.batch_size=4$"):
        check_model(energy(objective=small), points())


@pytest.mark.parametrize("objective", [SlicedScoreMatching(projections=1), DenoisingScoreMatching(noise=0.1)])
def test_other_objectives_train_an_energy(objective):
    model = energy(objective=objective)
    check_model(model, points())
    before = state(model.energy)
    fit(model, points(), 2)
    assert not same(state(model.energy), before)
    assert OF_DATA in model.measurements(block(points()), keyed.Rng(0))


def block(data, n=6):
    rng = keyed.Rng(0)
    return Block(rng.normal(n, *data.sample_shape)[None], None)


def test_both_phases_are_logged():
    model = rbm()
    fit(model, TinyImages(), 1)
    values = {name: float(value) for name, value in model.values.items()}
    assert values["train/loss"] == pytest.approx(
        values["train/positive_phase"] - values["train/negative_phase"], abs=1e-5
    )


def test_acceptance_is_logged_where_there_is_a_rule():
    adjusted = dataclasses.replace(REPLAY, kernel=AdjustedLangevin(step_size=0.01))
    for objective, there in ((adjusted, True), (REPLAY, False)):
        model = energy(objective=objective)
        fit(model, points(), 1)
        assert (ACCEPTANCE in model.values) is there
        assert any(ACCEPTANCE in chart.lines for chart in model.charts()) is there


def test_samples_of_a_machine_are_probabilities_of_pixels():
    """Grey: of the next bits, given hidden ones that were drawn."""
    model = rbm(averaging=None)
    found = samples(model, "raw", n=200)
    assert -1 < found.min() < 0 < found.max() < 1 and len(found.unique()) > 100


def test_a_machine_sees_bits_alone():
    """Whatever grey the data have."""
    model, seen = rbm(), []
    model.energy.register_forward_hook(lambda machine, given, energies: seen.append(given[0]))
    fit(model, TinyImages(), 2)
    assert len(seen) >= 2 and all(model.space.holds(x).all() for x in seen)


def test_samples_begin_where_they_are_told_to():
    model = rbm(averaging=None)
    model.chains.fill_(1.0)
    with torch.no_grad():
        model.energy.weight.zero_()
        model.energy.weight[0] = 1.0  # one unit that keeps all pixels on together
        model.energy.hidden_bias.fill_(-40.0)
        model.energy.visible_bias.fill_(-0.2)
    kept, noise = (
        samples(model, "raw", sampler=ChainSampler(kernel=Gibbs(), steps=1, start=start), n=10)
        for start in ("kept", "noise")
    )
    assert kept.shape == noise.shape and kept.mean() > noise.mean() + 0.1


def test_samples_of_a_model_that_is_read_back_begin_at_the_chains_of_the_training(tmp_path):
    directory, model, again = RunDirectory(tmp_path / "run"), energy(averaging=None), energy(averaging=None)
    directory.create()
    fit(model, points(), 2, Checkpointing(directory, every=2), plugins=[AtomicCheckpointIO()])
    kept = ChainSampler(kernel=LANGEVIN, steps=1, start="kept")
    assert not torch.equal(samples(again, "raw", sampler=kept), samples(model, "raw", sampler=kept))
    restore_model(again, directory, "last")
    assert torch.equal(samples(again, "raw", sampler=kept), samples(model, "raw", sampler=kept))


def test_more_samples_than_chains_take_each_again():
    model = energy(averaging=None)
    still = ChainSampler(kernel=UnadjustedLangevin(step_size=1e-12), steps=1, start="kept")
    found = samples(model, "raw", n=40, sampler=still)
    apart = (found[:, None] - model.chains).abs().amax(2)  # (40, 20)
    assert ((apart < 1e-4).sum(0) == 2).all()
    first, second = (samples(model, "raw", n=5, sampler=still, seed=seed) for seed in (1, 2))
    assert not torch.allclose(first, second, atol=1e-3)


@pytest.mark.parametrize(
    ("model", "sampler", "sentence"),
    [
        (
            rbm,
            ChainSampler(kernel=LANGEVIN, steps=1, start="noise"),
            r"^kernel: unadjusted_langevin goes along a gradient",
        ),
        (energy, ChainSampler(kernel=Gibbs(), steps=1, start="noise"), r"^kernel: gibbs draws one layer"),
        (
            lambda: rbm(objective=FROM_DATA),
            ChainSampler(kernel=Gibbs(), steps=1, start="kept"),
            r"^start=kept: the objective keeps no chains; take sampler\.start=noise",
        ),
    ],
)
def test_samplers_that_do_not_fit_are_refused(model, sampler, sentence):
    with pytest.raises(UserError, match=sentence):
        model().check_sampler(sampler)


class Colours(TinyImages):
    def __init__(self):
        super().__init__(channels=3)


REFUSED = {
    "colours": (lambda: rbm(shape=(3, SIDE, SIDE)), Colours, r"^model\.space=Bits: .*of 3 channels; take grey"),
    "points": (lambda: rbm(shape=(2,)), points, r"^model\.space=Bits: .*the data are points"),
    "another shape": (lambda: rbm(shape=(1, 4, 4)), TinyImages, r"^model\.shape=\[1,4,4\]: the data are \(1, 8, 8\)"),
    "fewer units": (
        lambda: rbm(energy=lambda: RBM(visible=9, hidden=2, deviation=0.1)), TinyImages,
        r"^model\.energy\.visible=9: a sample has 64 numbers",
    ),
    "two numbers": (lambda: energy(energy=lambda: nn.Linear(2, 2)), points, r"^model\.energy: it gives \(2,\) for"),
    "gradients of bits": (lambda: rbm(objective=REPLAY), TinyImages, r"^objective: unadjusted_langevin goes along"),
}  # fmt: skip


@pytest.mark.parametrize(("model", "data", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_refused_in_a_sentence(model, data, sentence):
    with pytest.raises(UserError, match=sentence):
        check_model(model(), data())


def test_a_step_that_is_too_long_stops_the_run_and_says_what_to_lower():
    """The step of the training, that of the chain, the energy and the setting are named."""
    wild = dataclasses.replace(REPLAY, kernel=UnadjustedLangevin(step_size=50.0), steps=200, regularisation=0.0)
    model = energy(objective=wild)
    with pytest.raises(
        NonFiniteError,
        match=r"^at step 1: chains diverged in step \d+ of 200 of unadjusted_langevin, from an energy of .*e\+\d+: "
        r"lower objective\.kernel\.step_size=50\.0$",
    ):
        fit(model, points(), 1)
    with pytest.raises(NonFiniteError, match=r"^sampling: .*: lower sampler\.kernel\.step_size=50\.0$"):
        samples(model, sampler=ChainSampler(kernel=UnadjustedLangevin(step_size=50.0), steps=200, start="noise"))
    block = Block(keyed.Rng(0).normal(1, 8, 2), None)
    with pytest.raises(
        NonFiniteError, match=r"^measuring after step 0: chains .*: lower objective\.kernel\.step_size=50\.0$"
    ):
        model.measurements(block, keyed.Rng(0))


def test_an_energy_has_a_surface_of_the_weights_that_are_drawn_from():
    model = energy()
    fit(model, points(), 3)
    x = keyed.Rng(0).normal(5, 2)
    assert isinstance(model, HasSurface) and model.surface_name == "energy" and not model.surface_has_zero
    assert torch.equal(model.surface(x), model.weights("ema")["energy"](x).detach())
    assert isinstance(model, HasPartitionFunction) and not isinstance(gan(), HasPartitionFunction)


def test_filters_are_the_weights_of_hidden_units():
    model = rbm()
    assert isinstance(model, HasFilters)
    found = model.filters(model.weights("raw"))
    assert torch.equal(found[2].flatten(), model.energy.weight[2])
    assert energy().filters(energy().weights("raw")) is None


def test_annealing_begins_at_the_means_of_the_data():
    model, data = rbm(), TinyImages()
    fit(model, data, 1)
    expected = torch.from_numpy(data.pixels).double().mean(0) / 255
    torch.testing.assert_close(model.means.double(), expected, rtol=0, atol=1e-6)
    assert torch.equal(mean_picture(data), model.means)


def test_gaps_are_in_deviations_of_the_data():
    """Of chains that stay: data at energies 0 and 2 of deviation √2, kept chains at 8, fresh ones where they begin."""
    still = dataclasses.replace(REPLAY, kernel=UnadjustedLangevin(step_size=1e-14))
    model = energy(energy=lambda: Square(), objective=still, averaging=None)
    model.chains.fill_(2.0 * 2**0.5)
    model.space = At(100.0)
    model.energy.weight.grad = torch.zeros(())
    found = model.measurements(Block(torch.tensor([[[0.0, 0.0], [2.0, 0.0]]]), None), keyed.Rng(0))
    assert float(found[OF_DATA]) == pytest.approx(1.0, abs=1e-4) and float(found[OF_KEPT]) == pytest.approx(
        8.0, abs=1e-3
    )
    assert float(found[GAP]) == pytest.approx(7 / 2**0.5, abs=1e-3)
    assert float(found[MIXING]) == pytest.approx((10_000 - 8) / 2**0.5, rel=1e-3)
    assert float(found[OF_FRESH]) == pytest.approx(10_000, rel=1e-3)


class Square(nn.Module):
    """‖x‖²/2."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, x):
        return self.weight * x.square().sum(1) / 2


class At:
    """A plane on which chains begin at one place."""

    is_discrete = False

    def __init__(self, place):
        self.place = place

    def of_data(self, x, rng):
        return x

    def within(self, x):
        return x

    def fresh(self, shape, rng):
        return torch.full(shape, self.place)


FINDINGS = {
    "unmixed_chains": ({MIXING: 4.0}, {MIXING: 1.0}, "sampler.start=kept"),
    "diverging_energies": ({GAP: -30.0}, {GAP: 2.0}, "30 standard deviations of the data's energies below"),
    "stuck_chains": ({ACCEPTANCE: 0.01}, {ACCEPTANCE: 0.5}, "a lower objective.kernel.step_size"),
}


@pytest.mark.parametrize(("name", "ill", "well", "words"), [(name, *rest) for name, rest in FINDINGS.items()])
def test_ailments_are_found_when_they_last(name, ill, well, words):
    def after(*looks):
        history = History({}, {}, (), SETTLED)
        for look in looks:
            history = history.then(look)
        return checks(keeps=True)[name](history)

    said = after(*[ill] * LOOKS)
    assert "chains.fresh" not in (checks(keeps=False)[name](History({}, {}, (ill,) * LOOKS, SETTLED)) or "")
    assert said.startswith(name.replace("_", " ")) and words in said
    assert after(*[ill] * (LOOKS - 1), well) is None and after(*[well] * LOOKS) is None
    assert after(*[{}] * LOOKS) is None


def test_every_finding_is_tested():
    assert FINDINGS.keys() == checks(keeps=True).keys()


def test_precisions_below_float32_are_refused():
    model = energy()
    assert isinstance(model, EnergyModel) and model.limits.precisions.keys() == {"16-mixed", "bf16-mixed"}


def test_the_sampler_says_what_it_does():
    said = sampler_of(energy()).describe()
    assert said == {"sampler": "unadjusted_langevin", "nfe": 2, "steps": 2, "start": "noise", "kernel.step_size": 0.01}
