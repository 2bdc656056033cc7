"""`kantor.testing`: what is right passes, and what people do wrong is told in a sentence."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from tiny import DIRECT, SIDE, Flat, Maker, TinyImages, gan, mlp, points
from torch import nn

from kantor import testing
from kantor.data.images import ImageSet
from kantor.data.points import SwissRoll, gaussians8
from kantor.evaluation.extractors import Features
from kantor.evaluation.point_scores import POINT_SCORES, PointComparison, PointSetting
from kantor.objectives.adversarial import NonSaturating, Wasserstein
from kantor.samplers.direct import Direct


class Sums(Wasserstein):
    def generator_loss(self, critic, real, fake):
        return -critic(fake).sum()


class OfEach(NonSaturating):
    def generator_loss(self, critic, real, fake):
        return nn.functional.softplus(-critic(fake))


class LogOfSigmoid(NonSaturating):
    def generator_loss(self, critic, real, fake):
        return -critic(fake).sigmoid().log().mean()


class WrongSign(Wasserstein):
    def generator_loss(self, critic, real, fake):
        return critic(fake).mean()


class CriticBackwards(Wasserstein):
    def critic_terms(self, critic, real, fake, *, rng=None):
        return {"real": critic(real).mean(), "fake": -critic(fake).mean()}


class Detached(Wasserstein):
    def generator_loss(self, critic, real, fake):
        return -critic(fake).mean().detach() + 0 * critic(fake).mean()


class InPlace(Wasserstein):
    def critic_terms(self, critic, real, fake, *, rng=None):
        return super().critic_terms(critic, real.mul_(0.9), fake, rng=rng)


class FirstOnly(Wasserstein):
    def generator_loss(self, critic, real, fake):
        return -critic(fake)[0] / 2 - critic(fake)[1:].mean() / 2


class OwnDice(Wasserstein):
    def critic_terms(self, critic, real, fake, *, rng=None):
        terms = super().critic_terms(critic, real, fake, rng=rng)
        return terms | {"noise": 0.01 * torch.rand(()) * critic(real).square().mean() * (rng is not None)}


class NotTheSum(Wasserstein):
    def critic_loss(self, critic, real, fake, *, rng=None):
        return 2 * super().critic_loss(critic, real, fake, rng=rng)


WRONG_LOSSES = {
    Sums: "take the mean over samples",
    OfEach: "a loss is a scalar",
    LogOfSigmoid: "where the critic says",
    WrongSign: "does not raise f",
    CriticBackwards: "does not part real from generated",
    Detached: "detach nothing",
    InPlace: "changes the samples",
    FirstOnly: "another order",
    NotTheSum: "the sum of its terms",
}


@pytest.mark.parametrize(("kind", "said"), WRONG_LOSSES.items(), ids=lambda x: getattr(x, "__name__", None))
def test_wrong_losses_are_told(kind, said):
    with pytest.raises(AssertionError, match=said):
        testing.check_objective(kind())


def test_a_loss_that_draws_from_elsewhere_is_told():
    with pytest.raises(AssertionError, match=r"OwnDice: .*(the sum of its terms|from rng alone|order|halves)"):
        testing.check_objective(OwnDice())


class Around(nn.Module):
    """A perceptron with something before or behind it."""

    def __init__(self, before=None, behind=None, outputs=None):
        super().__init__()
        self.inner = mlp(2, outputs)
        self.before = before or (lambda x: x)
        self.behind = behind or (lambda y: y)

    def forward(self, x):
        return self.behind(self.inner(self.before(x)))


class Drawing(nn.Module):
    def forward(self, x):
        return x.sum(1) + torch.rand(len(x))


WRONG_CRITICS = {
    "sigmoid": (Around(behind=torch.sigmoid), "ends in a sigmoid"),
    "tanh, then reshaped": (Around(behind=lambda y: y.squeeze(1).tanh().view(-1), outputs=1), "ends in a tanh"),
    "batch mean": (Around(behind=lambda y: y.mean().expand(len(y))), "mixes samples"),
    "batch centred": (Around(before=lambda x: x - x.mean(0)), "mixes samples"),
    "one number for all": (Around(behind=lambda y: y.mean()), "expected"),
    "a last dimension": (Around(outputs=1), "without a last dimension of 1"),
    "in place": (Around(before=lambda x: x.mul_(2) if not x.requires_grad else 2 * x), "in place"),
    "not a number": (Around(behind=lambda y: y / 0), "not finite"),
    "places": (Around(behind=lambda y: y + torch.arange(len(y))), "mixes samples|order"),
    "no gradient": (Around(before=lambda x: x + (x.round() - x).detach() - x), "no gradient"),
    "random": (Drawing(), "the second time"),
}


@pytest.mark.parametrize(("critic", "said"), WRONG_CRITICS.values(), ids=WRONG_CRITICS.keys())
def test_wrong_critics_are_told(critic, said):
    with pytest.raises(AssertionError, match=said):
        testing.check_network(critic, takes=(2,), gives=())


def test_a_generator_of_pictures_stays_in_their_range():
    testing.check_network(Maker(), takes=(4,), gives=(1, SIDE, SIDE), within=(-1, 1))
    testing.check_network(Flat(), takes=(1, SIDE, SIDE), gives=())
    with pytest.raises(AssertionError, match=r"expected \(-1, 1\): let it end in a tanh"):
        testing.check_network(Around(behind=lambda y: 100 * y, outputs=2), takes=(2,), gives=(2,), within=(-1, 1))


@dataclass(frozen=True)
class Odd(SwissRoll):
    """A swiss roll with something wrong."""

    how: str

    def sample(self, n, rng, *, stratified=False):
        drawn = super().sample(n, rng, stratified=stratified)
        return {
            "float32": lambda: drawn.astype(np.float32),
            "sorted": lambda: drawn[drawn[:, 0].argsort()],
            "infinite": lambda: np.where(np.arange(n)[:, None] == 3, np.inf, drawn),
            "own generator": lambda: drawn + np.random.default_rng().normal(size=(n, 2)),
            "one seed": lambda: super(Odd, self).sample(n, np.random.default_rng(0), stratified=stratified),
            "another law": lambda: drawn + 1.0 * stratified,
        }[self.how]()


WRONG_DRAWS = {
    "float32": "float32", "sorted": "permute the strata", "infinite": "not finite", "own generator": "equal generators",
    "one seed": "other generators", "another law": "not that of plain draws",
}  # fmt: skip


@pytest.mark.parametrize(("how", "said"), WRONG_DRAWS.items())
def test_wrong_distributions_are_told(how, said):
    with pytest.raises(AssertionError, match=said):
        testing.check_data(points(distribution=Odd(noise=0.25, scale=7.5, how=how)))


class Split(TinyImages):
    """Other pictures in the two splits; `wrong` of them is something."""

    def __init__(self, wrong=None):
        super().__init__(labelled=True)
        self.wrong, self.times = wrong, 0

    def describe(self):
        self.times += 1
        return (
            {"times": self.times} if self.wrong == "describe" else {"array": np.ones(1)} if self.wrong == "json" else {}
        )

    def load(self, split):
        pixels, labels = (
            (self.pixels[:20], self.labels[:20]) if split == "train" else (self.pixels[20:], self.labels[20:])
        )
        if self.wrong == "leak" and split == "test":
            pixels = np.concatenate([pixels, self.pixels[:3]])
            labels = np.concatenate([labels, self.labels[:3]])
        if self.wrong == "random":
            pixels = np.random.default_rng().permutation(pixels)
        if self.wrong == "size":
            pixels = pixels[:, :, :6]
        if self.wrong == "constant":
            pixels = np.zeros_like(pixels)
        return ImageSet(pixels, {"labels": labels + 1, "no labels": None}.get(self.wrong, labels))

    def on_after_batch_transfer(self, batch, dataloader_idx):
        block = super().on_after_batch_transfer(batch, dataloader_idx)
        return block._replace(samples=255 * block.samples) if self.wrong == "range" else block


WRONG_PICTURES = {
    "leak": "3 pictures are in both splits", "random": "the second time", "size": "sample_shape says",
    "constant": "all pictures of train are the same", "labels": "has the label 4",
    "no labels": "classes=4 says otherwise", "range": r"expected \[-1, 1\]",
    "describe": "something else the second time", "json": "expected plain containers",
}  # fmt: skip


@pytest.mark.parametrize(("wrong", "said"), WRONG_PICTURES.items())
def test_wrong_pictures_are_told(wrong, said):
    testing.check_data(Split())
    with pytest.raises(AssertionError, match=said):
        testing.check_data(Split(wrong))


TRUTH = gaussians8(0.1, 1.414)
REAL, FRESH = (TRUTH.sample(128, np.random.default_rng(seed), stratified=True) for seed in (1, 2))
WORSE = 0.3 * FRESH + 5


def compare(reference, generated):
    setting = PointSetting(distribution=TRUTH, bins=16, has_potential=True)
    return PointComparison(setting, reference, generated, lambda x: -x[:, 0])


def checked(score, **changed):
    testing.check_score(score, compare, **{"reference": REAL, "fresh": FRESH, "worse": WORSE, **changed})


OF_POINTS = {score.name: score for score in POINT_SCORES}
W1 = OF_POINTS["w1"]


@pytest.mark.parametrize("name", sorted(OF_POINTS.keys() - {"critic_w1", "mode_kl"}))
def test_every_score_of_points_is_what_an_evaluation_takes(name):
    if OF_POINTS[name].applies(compare(REAL, FRESH).setting):
        checked(OF_POINTS[name])


WRONG_SCORES = {
    "of the first": (lambda c: W1.compute(c) + abs(c.points[0, 0]), "another order"),
    "by chance": (lambda c: W1.compute(c) + np.random.default_rng().random(), "the same samples"),
    "in place": (lambda c: float(c.points.sort(axis=0) or 0.0), "changes the samples"),
    "no number": (lambda c: float("nan"), "expected a finite number"),
    "a sentence": (lambda c: "no neighbours", "expected a finite number"),
    "the wrong way": (lambda c: -W1.compute(c), "better lower"),
    "not 0 of itself": (lambda c: abs(W1.compute(c) - 0.7 * W1.compute(compare(REAL, FRESH))), "nearer to a set than"),
}


@pytest.mark.parametrize(("compute", "said"), WRONG_SCORES.values(), ids=WRONG_SCORES.keys())
def test_wrong_scores_are_told(compute, said):
    with pytest.raises(AssertionError, match=said):
        checked(replace(W1, compute=compute), fresh=FRESH.copy())


class Bright:
    """Mean brightness of rows, with something wrong."""

    def __init__(self, wrong=None):
        self.wrong, self.times = wrong, 0
        self.classes = 7 if wrong == "logits" else None

    def prepare(self):
        pass

    def identity(self):
        return {"name": "bright", "times": self.times if self.wrong == "identity" else 0}

    def __call__(self, images):
        self.times += 1
        rows = images.double().mean(3).flatten(1)
        if self.wrong == "in place":
            images.zero_()
        return {
            "batch": lambda: Features(rows - rows.mean(0), None),
            "float32": lambda: Features(rows.float(), None),
            "nan": lambda: Features(rows / 0 - rows / 0, None),
            "constant": lambda: Features(0 * rows, None),
            "logits": lambda: Features(rows, rows),
        }.get(self.wrong, lambda: Features(rows, None))()


WRONG_FEATURES = {
    "batch": "the other pictures of a batch", "float32": "expected torch.float64", "nan": "not finite",
    "constant": "the same features", "logits": "classes=7 says otherwise", "in place": "changes its pictures",
    "identity": "another one after use",
}  # fmt: skip


@pytest.mark.parametrize(("wrong", "said"), WRONG_FEATURES.items())
def test_wrong_extractors_are_told(wrong, said):
    images = torch.from_numpy(np.random.default_rng(0).integers(1, 256, (9, 1, 4, 4), dtype=np.uint8))
    testing.check_extractor(Bright(), images)
    with pytest.raises(AssertionError, match=said):
        testing.check_extractor(Bright(wrong), images)


class Model(type(gan())):
    """A GAN that draws wrongly."""

    def draw(self, networks, n, *, rng, sampler, labels):
        own = torch.from_numpy(np.random.default_rng().random((n, 2), dtype=np.float32))  # keyed by nobody
        return own if self.wrong == "own" else torch.ones(n, 2)


@pytest.mark.parametrize(("wrong", "said"), [("own", "equal keys draw other"), ("one", "other keys draw the same")])
def test_wrong_samplers_are_told(wrong, said):
    model = gan()
    testing.check_sampler(DIRECT, model, gives=(2,))
    with pytest.raises(AssertionError, match=r"expected finite numbers, \(5, 3\)"):
        testing.check_sampler(DIRECT, model, gives=(3,))
    model.__class__, model.wrong = Model, wrong
    with pytest.raises(AssertionError, match=said):
        testing.check_sampler(Direct(), model, gives=(2,))
