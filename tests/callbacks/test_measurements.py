import math

import pytest
import torch
from every_objective import OBJECTIVES
from image_runs import Flat, Maker, Normalised, TinyImages, fit, image_model

from kantor import keyed
from kantor.callbacks.clock import Clock
from kantor.callbacks.gradients import CLIPPED, GENERATOR_GRADIENT, SLOPE, Gradients, clipped_share, gradient_norm
from kantor.callbacks.measurement import untouched
from kantor.callbacks.probabilities import ACCURACY, D_FAKE, D_REAL, Probabilities, probability_of
from kantor.callbacks.record import Record
from kantor.callbacks.spread import COVERAGE, MOST, NEAREST_SAMPLE, SPREAD, Spread, mean_distance, nearest_distance
from kantor.callbacks.watch import watch
from kantor.errors import UserError
from kantor.objectives.adversarial import NonSaturating, Wasserstein, WassersteinClipping
from kantor.objectives.hinge import Hinge
from kantor.objectives.least_squares import LeastSquares
from kantor.objectives.relativistic import Relativistic

OF_A_GAN = {D_REAL, D_FAKE, ACCURACY, "train/discriminator_gradient"}
OWN = {
    "non_saturating": OF_A_GAN,
    "minimax": OF_A_GAN,
    "hinge": OF_A_GAN,
    "least_squares": OF_A_GAN,
    "relativistic": {"train/discriminator_gradient"},
    "wasserstein": {SLOPE, "train/critic_gradient"},
    "clipping": {SLOPE, CLIPPED, "train/critic_gradient"},
    "gradient_penalty": {SLOPE, "train/critic_gradient"},
}
"""What is measured of one kind of objective only."""


class Line(torch.nn.Module):
    """f(x) = 3·x₁ + 4·x₂ + offset, of images of two pixels."""

    def __init__(self, offset=0.0):
        super().__init__()
        self.weights = torch.nn.Parameter(torch.tensor([3.0, 4.0]))
        self.offset = torch.nn.Parameter(torch.tensor(offset))

    def forward(self, x):
        return x.flatten(1) @ self.weights + self.offset


class Echo(torch.nn.Module):
    """Gives its noise back as images of two pixels."""

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(()))

    def forward(self, z):
        return self.scale * z[:, :2].reshape(-1, 1, 1, 2)


def measure(kind, model, block):
    callback = kind(clock=Clock(), seed=0, every=1)
    with torch.no_grad():
        return callback.measure(model, block, keyed.Rng(7))


def test_the_slope_of_a_linear_critic_is_the_norm_of_its_weights():
    model = image_model(objective=Wasserstein(), generator=Echo, critic=Line)
    assert float(measure(Gradients, model, torch.randn(1, 16, 1, 1, 2))[SLOPE]) == pytest.approx(5.0)


def test_the_norm_is_taken_over_all_gradients():
    critic = Line()
    assert float(gradient_norm(critic)) == 0
    critic.weights.grad, critic.offset.grad = torch.tensor([2.0, 3.0]), torch.tensor(6.0)
    assert float(gradient_norm(critic)) == pytest.approx(7.0)


def test_the_norms_are_those_of_the_steps_last_gradients():
    model = image_model(objective=Wasserstein())
    gradients = Gradients(clock=Clock(), seed=0, every=1)
    fit(model, TinyImages(), 2, gradients)
    for network, name in ((model.generator, GENERATOR_GRADIENT), (model.critic, "train/critic_gradient")):
        squares = sum(float(weight.grad.square().sum()) for weight in network.parameters())
        assert float(model.values[name]) == pytest.approx(math.sqrt(squares), rel=1e-5) and squares > 0


@pytest.mark.parametrize("clip", [0.01, 0.1, 1 / 3, 1e-4])
def test_the_share_of_clipped_weights_counts_both_sides(clip):
    critic = Line()
    critic.weights.data, critic.offset.data = torch.tensor([-9.0, 9.0]), torch.tensor(clip / 2)
    WassersteinClipping(clip=clip, spare_normalisation=False).after_critic_step(critic)
    assert float(clipped_share(critic.parameters(), clip)) == pytest.approx(2 / 3)


@pytest.mark.parametrize("offset", [0.0, 2.0, -1.0])
def test_d_is_the_sigmoid_of_a_logit(offset):
    model = image_model(generator=Echo, critic=lambda: Line(offset))
    with torch.no_grad():
        model.critic.weights.zero_()
    found = measure(Probabilities, model, torch.zeros(2, 10, 1, 1, 2))
    expected = 1 / (1 + math.exp(-offset))
    assert float(found[D_REAL]) == pytest.approx(expected) == float(found[D_FAKE])
    assert float(found[ACCURACY]) == (0.5 if offset else 0.0)  # at ½ it has decided nothing


def test_a_discriminator_that_knows_has_accuracy_one():
    class Brightness(torch.nn.Module):
        def forward(self, x):
            return x.flatten(1).sum(1) - 100

    model = image_model(generator=Echo, critic=Brightness)
    found = measure(Probabilities, model, torch.full((1, 10, 1, 1, 2), 200.0))
    assert float(found[ACCURACY]) == 1


def test_least_squares_has_d_itself_and_constants_have_none():
    numbers = torch.tensor([0.0, 0.7, 1.2])
    assert torch.equal(probability_of(LeastSquares())(numbers), numbers)
    assert float(probability_of(Hinge())(torch.zeros(1))) == 0.5
    for objective in (Wasserstein(), Relativistic(gamma=1.0)):
        assert probability_of(objective) is None


def test_the_distance_between_samples_is_over_pairs_of_different_ones():
    points = torch.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 0.0]], dtype=torch.float64)
    squared = torch.cdist(points, points).square().fill_diagonal_(torch.inf)
    assert float(mean_distance(squared)) == pytest.approx(10 / 3)
    assert float(nearest_distance(squared)) == pytest.approx(5 / 3)


def test_equal_real_samples_make_no_distance_infinite():
    model = image_model(generator=Echo, critic=Line)
    same = torch.ones(2, 8, 1, 1, 2)
    found = measure(Spread, model, same)
    assert float(found[SPREAD]) == float(found[NEAREST_SAMPLE]) == MOST
    with torch.no_grad():
        model.generator.scale.zero_()
    assert float(measure(Spread, model, same)[SPREAD]) == 1


@pytest.mark.parametrize("scale", [1.0, 0.5, 0.0])
def test_spread_is_one_for_samples_like_the_real_ones_and_scales_with_them(scale):
    model = image_model(generator=Echo, critic=Line)
    with torch.no_grad():
        model.generator.scale.fill_(scale)
    found = measure(Spread, model, torch.randn(2, 32, 1, 1, 2, generator=torch.Generator().manual_seed(0)))
    assert float(found[SPREAD]) == pytest.approx(scale, abs=0.2)
    assert float(found[NEAREST_SAMPLE]) == pytest.approx(scale, abs=0.3)
    assert (float(found[COVERAGE]) > 0.8) == (scale == 1)
    assert float(measure(Spread, model, torch.randn(1, 32, 1, 1, 2))[COVERAGE]) <= 1
    assert measure(Spread, model, torch.randn(1, 1, 1, 1, 2)) == {}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_each_objective_has_its_measurements_and_they_are_recorded(directory, name):
    model = image_model(objective=OBJECTIVES[name])
    clock = Clock()
    watchers = watch(model, directory=directory, clock=clock, seed=3, every=4)
    fit(model, TinyImages(), 9, clock, *watchers, Record(directory, clock, every=2))
    metrics = directory.metrics()
    assert metrics["steps"] == [2, 4, 6, 8, 9]
    measured = {column for column, values in metrics.items() if values[0] is None}
    assert measured == OWN[name] | {GENERATOR_GRADIENT, SPREAD, NEAREST_SAMPLE, COVERAGE}
    for column in measured:
        assert [value is None for value in metrics[column]] == [True, False, True, False, False], column


def test_what_is_asked_in_training_mode_is_put_back():
    network, x = Normalised().train(), torch.randn(8, 1, 8, 8)
    network(x)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    state = torch.get_rng_state()
    with untouched(network):
        network(x + 3)
        assert any(not torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("objective", [NonSaturating(), WassersteinClipping(clip=0.05, spare_normalisation=False)])
def test_measurements_change_no_bit_of_weights_statistics_or_optimizers(directory, objective):
    def train(*extra):
        model = image_model(objective=objective, critic=Normalised, generator=Maker, n_critic=2)
        watchers = watch(model, directory=directory, clock=Clock(), seed=3, every=1) if extra else []
        trainer = fit(model, TinyImages(), 4, *watchers)
        return model.state_dict(), [optimizer.state_dict()["state"] for optimizer in trainer.optimizers]

    (watched, moments), (alone, others) = train("watched"), train()
    assert any("running_mean" in name for name in alone)
    assert all(torch.equal(alone[name], watched[name]) for name in alone)
    for ours, theirs in zip(moments, others, strict=True):
        for weight, state in theirs.items():
            assert all(torch.equal(torch.as_tensor(state[name]), torch.as_tensor(ours[weight][name])) for name in state)


def test_models_of_other_patterns_are_not_watched(directory):
    assert watch(object(), directory=directory, clock=Clock(), seed=0, every=1) == []


def test_an_interval_out_of_range_is_refused():
    with pytest.raises(UserError, match="every=0"):
        Gradients(clock=Clock(), seed=0, every=0)


def test_a_measurement_of_a_step_is_a_function_of_the_step():
    def at(steps, every):
        model = image_model(critic=Flat)
        fit(model, TinyImages(), steps, Probabilities(clock=Clock(), seed=0, every=every))
        return model.values[D_FAKE]

    assert torch.equal(at(4, 1), at(4, 4))
