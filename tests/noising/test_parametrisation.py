"""Parametrisations, weights and the loss: one denoiser loses the same however it is written."""

import functools

import pytest
import torch

from kantor.errors import UserError
from kantor.keyed import Rng
from kantor.noising.betas import LinearBetas
from kantor.noising.coupling import Independent, OptimalTransport
from kantor.noising.denoiser import NetworkDenoiser
from kantor.noising.levels import Levels, at_samples
from kantor.noising.parametrisation import Data, Epsilon, Karras, Score, V, Velocity
from kantor.noising.path import Chain, Cosine, Exploding, Linear
from kantor.noising.times import LogNormal, Steps, Stratified, Uniform
from kantor.noising.weights import MinSNR, OfKarras, OfV, OfVelocity, Plain, Simple
from kantor.objectives.denoising import Denoising

CHAIN = Chain(LinearBetas(1000, 1e-4, 0.02))
PARAMETRISATIONS = [Epsilon(), Data(), V(), Velocity(), Score(), Karras(0.5)]
WEIGHTS = [Simple(), Plain(), MinSNR(5.0), OfV(), OfVelocity(), OfKarras(0.5)]
named = functools.partial(pytest.mark.parametrize, ids=lambda one: type(one).__name__)


def objective(path, parametrisation, weight=Plain(), times=None, coupling=Independent()):  # noqa: B008
    times = Uniform(0.05, 0.95) if times is None else times
    return Denoising(path=path, parametrisation=parametrisation, weight=weight, times=times, coupling=coupling)


def shrink(x, levels):
    """Some denoiser: that of N(0, I), and a little more."""
    variance = levels.alpha**2 + levels.sigma**2
    return at_samples(levels.alpha / variance, x) * x + 0.1


def written_as(parametrisation, path, n):
    """The network whose denoiser is `shrink`, at the levels that the times it is told of have."""

    def network(x_in, noise):
        ratio = (4 * noise.double()).exp() if isinstance(parametrisation, Karras) else None
        levels = path.at(noise.double()) if ratio is None else path.at(path.time(Levels(torch.ones(n).double(), ratio)))
        skip, out, into, _ = parametrisation.coefficients(levels, path)
        x_t = x_in / at_samples(into, x_in)
        return (shrink(x_t, levels) - at_samples(skip, x_t) * x_t) / at_samples(out, x_t)

    return network


@named("weight", WEIGHTS)
@named("path", [CHAIN, Cosine(), Linear(), Exploding(0.01, 10.0)])
def test_equal_denoisers_have_equal_losses(path, weight):
    """min-SNR, which public code gets wrong for v, among them."""
    x, found = torch.randn(64, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64), {}
    for parametrisation in PARAMETRISATIONS:
        if parametrisation.refusal(path) is None:
            whole = objective(path, parametrisation, weight)
            found[type(parametrisation)] = whole.losses(written_as(parametrisation, path, 64), x, Rng(7)).losses
    expected = found.pop(Data)
    assert len(found) >= 1
    for losses in found.values():  # the network is told the time in float32
        assert torch.allclose(losses.float(), expected.float(), rtol=2e-3)


def levels_of(path, t):
    return path.at(torch.tensor(t, dtype=torch.float64))


@named("path", [CHAIN, Cosine(), Linear(), Exploding(0.01, 10.0)])
@named("parametrisation", PARAMETRISATIONS)
def test_the_target_makes_the_sample(parametrisation, path):
    """skip·x_t + out·F* = x, for F* as the noise, the sample, … in their own definitions."""
    if parametrisation.refusal(path) is not None:
        return
    levels = levels_of(path, [0.1, 0.5, 0.9])
    a, s = levels
    x, noise = torch.tensor([1.0, -2.0, 0.3]).double(), torch.tensor([0.5, 1.5, -1.0]).double()
    of_x, of_noise = parametrisation.target(levels)
    wanted = of_x * x + of_noise * noise
    skip, out = parametrisation.scales(levels)
    assert torch.allclose(skip * (a * x + s * noise) + out * wanted, x, rtol=1e-12)
    definition = {
        Epsilon: noise,
        Data: x,
        V: a * noise - s * x,
        Velocity: noise - x,
        Score: -noise / s,
    }.get(type(parametrisation))
    if definition is not None:
        assert torch.allclose(wanted, definition, rtol=1e-12, atol=1e-12)


@named("path", [CHAIN, Exploding(0.01, 10.0)])
def test_karras_keeps_input_and_target_at_variance_one(path):
    """Of data with the standard deviation it is told."""
    levels, karras = levels_of(path, [0.05, 0.3, 0.7, 1.0]), Karras(0.5)
    a, s = levels
    _, _, into, noise = karras.coefficients(levels, path)
    assert torch.allclose(into**2 * (a**2 * 0.25 + s**2), torch.ones(4).double())
    of_x, of_noise = karras.target(levels)
    assert torch.allclose(of_x**2 * 0.25 + of_noise**2, torch.ones(4).double())
    assert torch.allclose(noise, levels.ratio.log() / 4)


@pytest.mark.parametrize(
    ("parametrisation", "weight", "path"),
    [
        (Epsilon(), Simple(), CHAIN),
        (V(), OfV(), CHAIN),
        (V(), OfV(), Cosine()),
        (Velocity(), OfVelocity(), Linear()),
        (Velocity(), OfVelocity(), CHAIN),
        (Karras(0.3), OfKarras(0.3), Exploding(0.01, 10.0)),
        (Data(), Plain(), CHAIN),
    ],
    ids=lambda one: type(one).__name__,
)
def test_each_parametrisation_has_the_weight_of_its_own_error(parametrisation, weight, path):
    levels = levels_of(path, [0.02, 0.4, 0.99])
    _, out = parametrisation.scales(levels)
    assert torch.allclose(weight(levels) * out**2, torch.ones(3).double(), rtol=1e-10)


def test_min_snr_stands_on_each_error_as_the_paper_has_it():
    """Hang et al. 2023, section 3.4: on x, on ε, and on v, where public code forgets to divide by SNR + 1."""
    levels = levels_of(CHAIN, [0.02, 0.1, 0.4, 0.99])
    snr = (levels.alpha / levels.sigma) ** 2
    cut = torch.minimum(snr, torch.tensor(5.0))
    assert snr[0] > 5 > snr[-1]
    for parametrisation, divided_by in ((Data(), 1), (Epsilon(), snr), (V(), snr + 1)):
        _, out = parametrisation.scales(levels)
        assert torch.allclose(MinSNR(5.0)(levels) * out**2, cut / divided_by, rtol=1e-10)


def test_the_weight_of_the_score_is_its_variance():
    """Song & Ermon 2019: σ²·‖s + ε/σ‖²."""
    levels = levels_of(Exploding(0.01, 10.0), [0.1, 0.8])
    _, out = Score().scales(levels)
    assert torch.allclose(Simple()(levels) * out**2, levels.sigma**2)


def test_the_loss_is_a_mean_over_dimensions_for_each_sample():
    """A network of nothing, told to give noise: E ε² = 1, whatever the shape."""
    whole = objective(CHAIN, Epsilon(), Simple(), Steps())
    found = whole.losses(lambda x, noise: torch.zeros_like(x), torch.zeros(4000, 2, 3), Rng(0))
    assert found.losses.shape == found.times.shape == (4000,)
    assert float(found.losses.mean()) == pytest.approx(1, abs=0.03)


@named("parametrisation", PARAMETRISATIONS)
def test_a_networks_denoiser_at_one_level_is_that_at_many(parametrisation):
    path = CHAIN
    denoiser = NetworkDenoiser(lambda x, noise: x * noise[:, None] + 1, parametrisation, path)
    x = torch.randn(3, 2, generator=torch.Generator().manual_seed(1))
    level = levels_of(path, 0.4)
    each = Levels(level.alpha.expand(3), level.sigma.expand(3))
    assert torch.equal(denoiser(x, level), denoiser(x, each))


def test_the_network_is_told_the_step_it_was_trained_at():
    """Of a thousand steps, at every level, to the last bit of float32."""
    told = []
    denoiser = NetworkDenoiser(lambda x, noise: told.append(float(noise[0])) or x, Epsilon(), CHAIN)
    for k in (1, 2, 500, 999, 1000):
        denoiser(torch.zeros(1, 2), levels_of(CHAIN, k / 1000))
    assert told == [float(torch.tensor(k / 1000)) for k in (1, 2, 500, 999, 1000)]


REFUSED = [
    (
        Linear(),
        V(),
        Uniform(0, 1),
        "parametrisation._target_=kantor.noising.parametrisation.V: V is defined where α² \\+ σ² = 1",
    ),
    (Exploding(0.1, 1), V(), Uniform(0, 1), r"^parametrisation\._target_=.*: V"),
    (Linear(), Epsilon(), Uniform(0, 1), "Epsilon says nothing of the sample at the end"),
    (Cosine(), Score(), Uniform(0, 1), "Score says"),
    (Linear(), Karras(0.5), Uniform(0, 1), "Karras says"),
    (
        Linear(),
        Velocity(),
        Steps(),
        r"^times\._target_=kantor.noising.times.Steps: Steps are those of a chain, and the path Linear",
    ),
    (
        Cosine(),
        Velocity(),
        Stratified(Steps()),
        r"^times\._target_=kantor.noising.times.Stratified: Steps are those of a chain",
    ),
]


@pytest.mark.parametrize(("path", "parametrisation", "times", "message"), REFUSED)
def test_what_does_not_go_together_is_refused(path, parametrisation, times, message):
    with pytest.raises(UserError, match=message):
        objective(path, parametrisation, times=times)


def test_steps_are_all_steps_and_equally_likely():
    path = Chain(LinearBetas(4, 0.1, 0.2))
    k = Steps().draw(4000, Rng(1), path) * 4
    counts = torch.bincount(k.round().long(), minlength=5)
    assert counts[0] == 0 and (counts[1:] - 1000).abs().max() < 120


def test_log_normal_times_have_log_normal_noise():
    path = Exploding(1e-4, 1e4)
    found = path.at(LogNormal(-1.2, 1.2).draw(20000, Rng(1), path)).ratio.log()
    assert float(found.mean()) == pytest.approx(-1.2, abs=0.03)
    assert float(found.std()) == pytest.approx(1.2, abs=0.03)


@pytest.mark.parametrize("times", [Uniform(0.2, 0.8), LogNormal(0.0, 1.0)], ids=lambda one: type(one).__name__)
def test_stratified_times_have_one_in_each_slice(times):
    found = Stratified(times).draw(10, Rng(3), Linear())
    edges = times.quantile(torch.linspace(1e-9, 1 - 1e-9, 11, dtype=torch.float64), Linear())
    assert ((found > edges[:-1]) & (found < edges[1:])).all()
    assert not torch.equal(found, Stratified(times).draw(10, Rng(4), Linear()))


@pytest.mark.parametrize("times", [Uniform(0, 1), Stratified(Uniform(0, 1))], ids=lambda one: type(one).__name__)
def test_processes_share_times_and_noise(times):
    """Two of them draw what one does."""
    x, whole = torch.zeros(8, 2), objective(Linear(), Velocity(), times=times)
    seen = []

    def network(x_t, noise):
        seen.append(torch.cat([x_t, noise[:, None]], dim=1))
        return x_t

    whole.losses(network, x, Rng(5))
    for rank in range(2):
        whole.losses(network, x[:4], Rng(5, rank=rank, world=2))
    assert torch.equal(seen[0], torch.cat(seen[1:]))


def test_optimal_transport_pairs_the_nearest_and_moves_no_sample():
    x = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    noise = torch.tensor([[0.0, 9.0], [1.0, 0.0], [9.0, 1.0]])
    assert torch.equal(OptimalTransport()(x, noise), noise[[1, 2, 0]])
    assert torch.equal(Independent()(x, noise), noise)
