"""Single steps against the formulas of papers and lectures, and samplers against each other."""

import math

import numpy as np
import pytest
import torch
from walks import KINDS, LINEAR, PAIR, OneByOne, Pair, gaussian, kind

from kantor import keyed
from kantor.noising.betas import LinearBetas
from kantor.noising.levels import Levels
from kantor.noising.path import Chain, Cosine, Exploding
from kantor.samplers.ancestral import Ancestral
from kantor.samplers.ddim import DDIM
from kantor.samplers.flow import Heun
from kantor.samplers.langevin import AnnealedLangevin, Langevin

CHAIN = Chain(betas=LinearBetas(steps=50, first=1e-3, last=0.2))
PATHS = [LINEAR, Cosine(), Exploding(low=0.002, high=80.0), CHAIN]
each_path = pytest.mark.parametrize("path", PATHS, ids=repr)


def same(first, second, path, *, grid="trailing", n=64):
    """Whether two samplers make the same of the same noise."""
    drawn = [one.of(9, grid=grid).draw(PAIR, path, (n, 1), keyed.Rng(3)) for one in (KINDS[first], KINDS[second])]
    return torch.allclose(*drawn, atol=2e-5)


@each_path
def test_ddim_without_noise_is_euler(path):
    assert same("DDIM", "Euler", path)
    assert not same("DDIM", "Heun", path)


@each_path
def test_ddim_with_all_its_noise_is_ancestral(path):
    assert same("DDIM, η = 1", "ancestral, β̃", path)
    assert not same("DDIM, η = ½", "ancestral, β̃", path)


def test_heun_without_churn_draws_nothing_and_with_it_the_noise_of_the_paper():
    """γ = min(S_churn/n, √2 − 1) raises σ/α within [S_min, S_max] alone; the new noise has S_noise on its deviation."""
    seen = []

    def denoiser(x, level):
        seen.append((level.ratio.item(), x.square().sum().sqrt().item()))
        return torch.zeros_like(x)  # then x/σ stays as it is

    def walked(steps, **churn):
        seen.clear()
        settings = {"churn": 0.0, "churn_from": 0.0, "churn_to": None, "churn_noise": 1.0} | churn
        sampler = kind(Heun, 2, **settings).of(steps, grid="rho")
        x = torch.zeros(steps + 2, 1, dtype=torch.float64)
        x[0] = 8.0
        sampler(denoiser, x, sampler.levels(path), OneByOne())
        return list(seen)

    path = Exploding(low=0.01, high=8.0)
    quiet, churned = walked(4), walked(4, churn=1.0)
    assert [ratio for ratio, _ in churned[::2]] == pytest.approx([1.25 * ratio for ratio, _ in quiet[::2]])
    assert [norm for _, norm in churned] == pytest.approx([ratio for ratio, _ in churned])  # x has all of σ
    most = walked(4, churn=40.0)
    assert most[0][0] == pytest.approx(math.sqrt(2) * 8)
    some = walked(4, churn=1.0, churn_from=0.5, churn_to=4.0)
    raised = [a / b for (a, _), (b, _) in zip(some[::2], quiet[::2], strict=True)]
    assert raised == pytest.approx([1.25 if 0.5 <= ratio <= 4 else 1 for ratio, _ in quiet[::2]])
    assert 1 < raised.count(1.0) < 4
    louder = walked(1, churn=0.25, churn_noise=2.0)
    assert louder[0][1] == pytest.approx(math.sqrt(64 + 4 * (10**2 - 8**2)))


@pytest.mark.parametrize(("t", "s"), [(20, 19), (50, 40), (7, 1), (1, 0)])
@pytest.mark.parametrize("variance", ["beta", "beta_tilde"])
def test_an_ancestral_step_is_that_of_the_lecture(t, s, variance):
    """Equations 74 (with x_t) and 75 of a chain whose steps are t and s: β is then 1 − ᾱ_t/ᾱ_s."""
    bars = np.concatenate([[1.0], CHAIN.alpha_bar])
    beta = 1 - bars[t] / bars[s]
    of_data = math.sqrt(bars[s]) * beta / (1 - bars[t])
    of_x_t = math.sqrt(1 - beta) * (1 - bars[s]) / (1 - bars[t])
    expected = beta * (1 - bars[s]) / (1 - bars[t]) if variance == "beta_tilde" else beta
    levels = CHAIN.at(torch.tensor([t, s], dtype=torch.float64) / 50)
    x = torch.tensor([[2.0], [0.0]], dtype=torch.float64)
    sampler = kind(Ancestral, 1, variance=variance).of(1)
    moved = sampler(lambda x, level: torch.full_like(x, 3.0), x, levels, OneByOne())
    assert moved[0].item() == pytest.approx(2 * of_x_t + 3 * of_data)
    noise = moved[1].item() - 3 * of_data
    assert noise == pytest.approx(math.sqrt(expected) if s > 0 else 0, abs=1e-12)


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
def test_a_ddim_step_is_that_of_the_paper(eta):
    """Equation 12, with σ of equation 16 for any η."""
    before, after = CHAIN.alpha_bar[29], CHAIN.alpha_bar[9]  # of steps 30 and 10
    sigma = eta * math.sqrt((1 - after) / (1 - before)) * math.sqrt(1 - before / after)
    noise = (2 - math.sqrt(before) * 0.3) / math.sqrt(1 - before)
    expected = math.sqrt(after) * 0.3 + math.sqrt(1 - after - sigma**2) * noise
    x = torch.tensor([[2.0], [2.0]], dtype=torch.float64)
    levels = CHAIN.at(torch.tensor([30, 10], dtype=torch.float64) / 50)
    moved = kind(DDIM, 1, eta=eta).of(1)(lambda x, level: torch.full_like(x, 0.3), x, levels, OneByOne())
    assert moved[:, 0].tolist() == pytest.approx([expected, expected + sigma])


@pytest.mark.parametrize(("v", "same_as"), [(1.0, "beta"), (0.0, "beta_tilde"), (0.5, None)])
def test_a_learned_variance_lies_between_the_two_in_logarithms(v, same_as):
    class Learned:
        def __call__(self, x, level):
            raise AssertionError("its variance was not asked for")

        def with_variance(self, x, level):
            return torch.zeros_like(x), torch.full_like(x, v)

    def noise(variance, denoiser):
        sampler = kind(Ancestral, 1, variance=variance).of(1, clip=True)
        levels = CHAIN.at(torch.tensor([0.8, 0.5], dtype=torch.float64))
        return sampler(denoiser, torch.zeros(2, 1, dtype=torch.float64), levels, OneByOne())[1].item()

    def fixed(variance):
        return noise(variance, lambda x, level: torch.zeros_like(x))

    expected = math.sqrt(fixed("beta") * fixed("beta_tilde")) if same_as is None else fixed(same_as)
    assert noise("learned", Learned()) == pytest.approx(expected, rel=1e-12)


def test_dpm_solver_is_the_algorithm_of_the_paper():
    """Algorithm 2, written with λ, h and r as there."""
    levels = CHAIN.at(torch.tensor([0.9, 0.6, 0.4, 0.2], dtype=torch.float64))
    lam = levels.log_snr / 2
    x, old, denoiser = torch.linspace(-2, 2, 5, dtype=torch.float64)[:, None], None, PAIR
    expected = x
    for i in range(1, 4):
        h = lam[i] - lam[i - 1]
        data = denoiser(expected, levels.each(i - 1))
        d = data
        if old is not None:
            r = (lam[i - 1] - lam[i - 2]) / h
            d = (1 + 1 / (2 * r)) * data - 1 / (2 * r) * old
        expected = levels.sigma[i] / levels.sigma[i - 1] * expected - levels.alpha[i] * (torch.exp(-h) - 1) * d
        old = data
    found = KINDS["DPM-Solver++ 2M"].of(3)(denoiser, x, levels, None)
    assert torch.allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("step_size", [0.1, 0.5])
def test_langevin_stays_where_its_step_leaves_it(step_size):
    """With steps η on N(0, V) the variance is V/(1 − η/(2V)); then the noise is taken out."""
    sigma, variance, inner = 0.8, 0.25, 400
    sampler = kind(AnnealedLangevin, None, inner=inner, step_size=step_size).of(1)
    levels = Levels(*torch.tensor([[1.0, 1.0], [sigma, 0.0]], dtype=torch.float64))
    x = torch.zeros(inner + 2, 1, dtype=torch.float64)
    x[0] = 3.0
    found = sampler(gaussian(variance), x, levels, OneByOne()).square().sum().item()
    total = variance + sigma**2
    gain = variance / total
    assert found == pytest.approx(gain**2 * total / (1 - step_size * sigma**2 / (2 * total)), rel=1e-6)


def test_annealed_langevin_scales_samples_as_the_data_are_from_level_to_level():
    """Chains that stand still: α from 0.5 to 0.8."""
    sampler = kind(AnnealedLangevin, None, inner=2, step_size=1e-20).of(2)
    levels = Levels(*torch.tensor([[0.5, 0.8, 1.0], [0.5, 0.2, 0.0]], dtype=torch.float64))
    x = torch.tensor([[1.0], [-2.0]], dtype=torch.float64)
    torch.testing.assert_close(sampler(lambda x, level: x, x, levels, keyed.Rng(0)), 1.6 * x)


@pytest.mark.parametrize("alpha", [1.0, 0.5])
@pytest.mark.parametrize("eta", [0.02, 0.5])
def test_the_lectures_langevin_on_a_standard_normal_law(eta, alpha):
    """Its variance is 1/(1 - η/2), η in units of the data, however the path scales; then the noise is taken out."""
    noise, steps = 0.6, 1500
    sampler = Langevin(steps=steps, clip=False, guidance=1.0, guide=None, noise=noise, step_size=eta, start=2.0)
    levels = Levels(*(torch.tensor([value] * steps + [end]) for value, end in ((alpha, 1.0), (alpha * noise, 0.0))))
    levels = Levels(levels.alpha.double(), levels.sigma.double())
    data = 1 - noise**2  # with the noise N(0, 1)
    x = torch.zeros(steps + 2, 1, dtype=torch.float64)
    x[0] = 3.0
    found = sampler(gaussian(data), x, levels, OneByOne()).square().sum().item()
    assert found == pytest.approx(data**2 / (1 - eta / 2), rel=1e-6)


def test_langevin_begins_from_its_own_law_at_one_level():
    """Not from the largest noise of the path, which is no place where one level's score was learned."""
    path, asked = Exploding(low=0.01, high=20.0), []

    def denoiser(x, level):
        asked.append((x, float(level.alpha), float(level.sigma)))
        return x

    sampler = Langevin(steps=3, clip=False, guidance=1.0, guide=None, noise=0.2, step_size=1e-3, start=1.5)
    sampler.draw(denoiser, path, (4000, 1), keyed.Rng(0))
    assert asked[0][0].std().item() == pytest.approx(1.5, rel=0.05)
    assert [levels for _, *levels in asked] == [pytest.approx([1.0, 0.2])] * 4


def test_langevin_at_one_level_keeps_the_shares_of_its_basins():
    """Two modes 20 deviations apart with shares 0.9 and 0.1, begun in the middle: half of the chains are at either;
    annealed, they come near to the shares."""
    far = Pair(centres=(-1.0, 1.0), deviation=0.05, weights=(0.9, 0.1))
    one = Langevin(steps=300, clip=False, guidance=1.0, guide=None, noise=0.1, step_size=0.002, start=0.5)
    falling = kind(AnnealedLangevin, None, inner=5, step_size=0.1).of(60)
    shares = [
        (sampler.draw(far, LINEAR, (2000, 1), keyed.Rng(0)) < 0).double().mean().item() for sampler in (one, falling)
    ]
    assert shares == pytest.approx([0.5, 0.9], abs=0.06)


def test_a_step_of_the_lectures_sampling_is_half_of_langevin_and_half_of_the_flow():
    """Its noise √β is that of Langevin with η = β/2, whose way x + η·∇log p is; the other half of β·∇log p, and of
    1/√α, is the flow to the next level. To first order in β; both halves are needed."""
    chain, x = Chain(betas=LinearBetas(steps=1000, first=1e-4, last=0.02)), torch.linspace(-2, 2, 9).double()[:, None]
    levels = chain.at(torch.tensor([0.3, 0.299], dtype=torch.float64))
    t, beta = levels.each(0), chain.beta[299]

    class Silent:
        def normal(self, *shape):
            return torch.zeros(shape)

    def walked(sampler, **settings):
        return kind(sampler, None, **settings).of(1)(PAIR, x, levels, Silent())

    lecture, flow = walked(Ancestral, variance="beta"), walked(DDIM, eta=0.0)
    score = (t.alpha * PAIR(x, t) - x) / t.sigma**2
    assert (lecture - (flow + beta / 2 * score)).abs().max() < 10 * beta**2
    assert (lecture - flow).abs().max() > 0.2 * beta < (lecture - x).abs().max()
