"""Losses of variational models: closed forms, a linear model whose likelihood is known, and what public code gets
wrong."""

import itertools
import math

import pytest
import torch
from torch import nn
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from kantor.errors import UserError
from kantor.keyed import Rng
from kantor.objectives.elbo import ELBO, IWAE, Reconstruction, importance, mean_weight, noise_of
from kantor.objectives.observation import Bernoulli, Gaussian
from kantor.objectives.posterior import Posterior, log_standard

NOISE = 0.5
NUMBERS = Gaussian(noise=NOISE, dequantise=False)
BINARY, GREY = (Bernoulli(binarise=kind) for kind in ("fixed", "grey"))


def elbo(observation=NUMBERS, *, beta=1.0, warm_up=0, free_nats=0.0):
    return ELBO(observation=observation, beta=beta, warm_up=warm_up, free_nats=free_nats)


def posterior(b=6, d=3, seed=0):
    torch.manual_seed(seed)
    return Posterior(torch.randn(b, d), torch.randn(b, d))


class Linear:
    """x = W z + noise in 5 dimensions, z in 2: p(x) = N(0, W Wᵀ + σ²I), and the posterior is Gaussian with one
    covariance, which is diagonal where the columns of W are orthogonal (Tipping & Bishop 1999)."""

    def __init__(self):
        torch.manual_seed(0)
        self.w = torch.linalg.qr(torch.randn(5, 2, dtype=torch.float64))[0] * torch.tensor([2.0, 0.7])
        self.law = MultivariateNormal(
            torch.zeros(5, dtype=torch.float64), self.w @ self.w.T + NOISE**2 * torch.eye(5, dtype=torch.float64)
        )
        self.precision = self.w.T @ self.w / NOISE**2 + torch.eye(2, dtype=torch.float64)
        self.x = self.law.sample((400,)).float()

    def decode(self, z):
        return z @ self.w.T.float()

    def encoded(self, *, wider=0.0):
        """The exact posterior; or one with larger log-variances."""
        mean = self.x.double() @ self.w @ torch.linalg.inv(self.precision) / NOISE**2
        log_variance = -self.precision.diagonal().log() + wider
        return torch.cat([mean, log_variance.expand_as(mean)], 1).float()


def test_kl_is_that_of_torch():
    q = posterior()
    expected = kl_divergence(Normal(q.mean, (q.log_variance / 2).exp()), Normal(0.0, 1.0))
    torch.testing.assert_close(q.kl(), expected)
    assert float(Posterior(torch.zeros(1, 3), torch.zeros(1, 3)).kl().sum()) == 0


def test_log_densities_are_those_of_torch():
    q, noise = posterior(), torch.randn(4, 6, 3)
    law = Normal(q.mean, (q.log_variance / 2).exp())
    torch.testing.assert_close(q.log_prob(noise), law.log_prob(q.at(noise)).sum(-1), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(log_standard(noise), Normal(0.0, 1.0).log_prob(noise).sum(-1))


def test_with_the_exact_posterior_the_bound_is_log_p():
    """Probabilistic PCA: every weight is p(x), whatever k and whatever z; the ELBO is it in the mean of its z."""
    linear = Linear()
    q, rng = Posterior.of(linear.encoded()), Rng(0)
    log_p = linear.law.log_prob(linear.x.double()).float()
    _, log_weights = importance(NUMBERS, linear.x, q, noise_of(q, 3, rng), linear.decode)
    torch.testing.assert_close(log_weights, log_p.expand(3, -1), rtol=1e-4, atol=1e-4)
    many = torch.stack([-elbo().loss(linear.x, linear.encoded(), linear.decode, rng, 0).loss for _ in range(300)])
    deviation = float(many.mean(1).std()) / math.sqrt(300)
    assert float(many.mean()) == pytest.approx(float(log_p.mean()), abs=4 * deviation)


def test_log_p_is_the_elbo_and_the_kl_to_the_true_posterior():
    """log p - ELBO = KL(q ‖ p(z | x)), of a posterior that is too wide, in closed form."""
    linear, rng = Linear(), Rng(0)
    log_p = float(linear.law.log_prob(linear.x.double()).mean())
    wide = linear.encoded(wider=math.log(2))
    bounds = torch.stack([elbo().loss(linear.x, wide, linear.decode, rng, 0).logged["elbo"].mean() for _ in range(400)])
    gap = 2 * 0.5 * (2 - 1 - math.log(2))  # of two dimensions with twice the variance
    assert log_p - float(bounds.mean()) == pytest.approx(gap, abs=4 * float(bounds.std()) / 20)


def test_elbo_below_iwae_below_log_p_rising_in_k():
    linear = Linear()
    wide, log_p = linear.encoded(wider=math.log(3)), float(linear.law.log_prob(linear.x.double()).mean())
    bounds = [
        -float(IWAE(observation=NUMBERS, k=k).loss(linear.x, wide, linear.decode, Rng(1), 0).loss.mean())
        for k in (1, 4, 20, 500)
    ]
    assert all(low + 0.002 < high for low, high in itertools.pairwise(bounds))
    assert bounds[-1] == pytest.approx(log_p, abs=0.02)


def test_the_gradient_at_the_optimum_is_that_of_the_likelihood():
    """With the exact posterior held fixed, dELBO/dW is d log p/dW (Lucas et al. 2019, arXiv:1911.02469): for one W by
    autograd through the known density, in the mean over z."""
    linear = Linear()
    w = linear.w.clone().requires_grad_()
    law = MultivariateNormal(torch.zeros(5).double(), w @ w.T + NOISE**2 * torch.eye(5).double())
    (exact,) = torch.autograd.grad(law.log_prob(linear.x.double()).mean(), w)
    single = linear.w.float().requires_grad_()
    rng, found = Rng(2), []
    for _ in range(200):
        loss = elbo().loss(linear.x, linear.encoded(), lambda z: z @ single.T, rng, 0).loss.mean()
        found.append(-torch.autograd.grad(loss, single)[0])
    stacked = torch.stack(found)
    error = stacked.std(0) / math.sqrt(200)
    assert ((stacked.mean(0) - exact.float()).abs() < 5 * error).all()


def test_a_linear_vae_learns_probabilistic_pca():
    """Its bound at the optimum is the likelihood at the maximum, which eigenvalues give."""
    linear = Linear()
    x, n = linear.x, len(linear.x)
    eigenvalues = torch.linalg.eigvalsh((x.double().T @ x.double()) / n).flip(0)
    sigma2 = NOISE**2  # the noise is given; the columns of W take what the first two eigenvalues have beyond it
    kept = eigenvalues[:2].clamp(min=sigma2)
    best = -0.5 * (
        5 * math.log(2 * math.pi) + float(kept.log().sum()) + 3 * math.log(sigma2)
        + 2 + float(eigenvalues[2:].sum()) / sigma2
    )  # fmt: skip
    torch.manual_seed(1)
    encoder, decoder = nn.Linear(5, 2), nn.Linear(2, 5, bias=False)
    spread = nn.Parameter(torch.zeros(2))
    parameters = [*encoder.parameters(), *decoder.parameters(), spread]
    optimizer, rng = torch.optim.Adam(parameters, lr=0.05), Rng(3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 250)
    for step in range(250):
        mean = encoder(x)
        loss = elbo().loss(x, torch.cat([mean, spread.expand_as(mean)], 1), decoder, rng, step).loss.mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        mean = encoder(x)
        encoded = torch.cat([mean, spread.expand_as(mean)], 1)
        last = torch.stack([elbo().loss(x, encoded, decoder, rng, 0).loss.mean() for _ in range(100)])
    assert -float(last.mean()) == pytest.approx(best, abs=0.02)


@pytest.mark.parametrize("k", [1, 7])
def test_importance_weights_are_averaged_and_not_their_logarithms(k):
    """By hand: weights 1 … k have the mean (k + 1)/2; and it is the number of weights that divides, not the batch."""
    log_weights = torch.arange(1.0, k + 1)[:, None].log().expand(k, 4)
    torch.testing.assert_close(mean_weight(log_weights), torch.full((4,), math.log((k + 1) / 2)))
    far = torch.tensor([[-1e4], [-1e4 - 1]])
    assert float(mean_weight(far)) == pytest.approx(-1e4 + math.log((1 + math.exp(-1)) / 2))


def pictures(d=2):
    torch.manual_seed(0)
    x = (torch.rand(6, 1, 8, 8) < 0.4).float()
    decoder = nn.Sequential(nn.Linear(d, 64), nn.Unflatten(1, (1, 8, 8)))
    return x, torch.randn(6, 2 * d), decoder


def test_the_weight_of_the_kl_is_used_and_the_bound_told_has_weight_1():
    x, encoded, decoder = pictures()
    kl = Posterior.of(encoded).kl().sum(1)
    whole = [elbo(BINARY, beta=beta).loss(x, encoded, decoder, Rng(0), 0) for beta in (0.0, 1.0, 4.0)]
    for beta, loss in zip((0.0, 1.0, 4.0), whole, strict=True):
        torch.testing.assert_close(loss.loss, loss.logged["reconstruction"] + beta * kl)
        torch.testing.assert_close(loss.logged["elbo"], -(loss.logged["reconstruction"] + loss.logged["kl"]))
        torch.testing.assert_close(loss.logged["kl"], kl)
    gradients = []
    for beta in (0.0, 4.0):
        leaf = encoded.clone().requires_grad_()
        gradients.append(
            torch.autograd.grad(elbo(BINARY, beta=beta).loss(x, leaf, decoder, Rng(0), 0).loss.sum(), leaf)[0]
        )
    assert not torch.allclose(*gradients) and bool(gradients[0].any())  # the decoder teaches the encoder


def test_the_weight_warms_up():
    objective = elbo(beta=2.0, warm_up=10)
    assert [objective.weight(step) for step in (0, 5, 10, 1000)] == [0, 1, 2, 2]
    assert elbo(beta=2.0).weight(0) == 2


def test_free_nats_cost_no_more_and_teach_nothing():
    """Of each dimension and sample by itself: what one picture loses does not depend on the others."""
    x, encoded, decoder = pictures()
    kl, free = Posterior.of(encoded).kl(), 0.7
    loss = elbo(BINARY, free_nats=free).loss(x, encoded, decoder, Rng(0), 0)
    torch.testing.assert_close(loss.loss, loss.logged["reconstruction"] + kl.clamp(min=free).sum(1))
    torch.testing.assert_close(loss.logged["kl"], kl.sum(1))
    assert (kl < free).any() and (kl > free).any()


def test_terms_are_sums_over_pixels_and_dimensions():
    """Twice the pixels cost twice the reconstruction and the same KL: a mean over pixels would not."""
    x, encoded, decoder = pictures()

    def twice(z):
        return decoder(z).repeat(1, 1, 1, 2)

    one = elbo(BINARY).loss(x, encoded, decoder, Rng(0), 0).logged
    two = elbo(BINARY).loss(x.repeat(1, 1, 1, 2), encoded, twice, Rng(0), 0).logged
    torch.testing.assert_close(two["reconstruction"], 2 * one["reconstruction"])
    torch.testing.assert_close(two["kl"], one["kl"])


def test_one_weight_is_the_elbo_with_the_kl_of_one_z():
    x, encoded, decoder = pictures()
    q, noise = Posterior.of(encoded), noise_of(Posterior.of(encoded), 1, Rng(5))
    z = q.at(noise)
    single = q.log_prob(noise)[0] - log_standard(z)[0]
    cost = -BINARY.log_prob(x, decoder(z[0])[None])[0]
    found = IWAE(observation=BINARY, k=1).loss(x, encoded, decoder, Rng(5), 0)
    torch.testing.assert_close(found.loss, cost + single)
    torch.testing.assert_close(found.loss, -found.logged["importance_bound"])


def test_an_autoencoder_has_its_reconstruction_alone():
    x, encoded, decoder = pictures()
    loss = Reconstruction(observation=GREY).loss(x, encoded[:, :2], decoder, Rng(0), 0)
    expected = nn.functional.binary_cross_entropy_with_logits(decoder(encoded[:, :2]), x, reduction="none")
    torch.testing.assert_close(loss.loss, expected.flatten(1).sum(1))
    assert list(loss.logged) == ["grey_cross_entropy"]


def test_grey_values_are_called_no_likelihood():
    x, encoded, decoder = pictures()
    assert set(elbo(GREY).loss(x, encoded, decoder, Rng(0), 0).logged) == {"grey_sum", "grey_cross_entropy", "kl"}
    with pytest.raises(UserError, match=r"observation: grey values .* take objective.observation.binarise=fixed"):
        IWAE(observation=GREY, k=5)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: IWAE(observation=BINARY, k=0), "k=0: expected a number above 0"),
        (lambda: elbo(beta=-1.0), "beta=-1.0: expected at least 0"),
        (lambda: elbo(warm_up=-1), "warm_up=-1"),
        (lambda: elbo(free_nats=-0.1), "free_nats=-0.1"),
    ],
)
def test_settings_that_make_no_sense(make, said):
    with pytest.raises(UserError, match=said):
        make()
