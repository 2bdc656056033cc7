import math

import pytest
import torch
from every_objective import OBJECTIVES
from tiny import Normalised, TinyImages, fit, image_gan

from kantor import keyed
from kantor.callbacks.clock import Clock
from kantor.callbacks.measurement import Measurement
from kantor.data.stream import Block
from kantor.models.adversarial_measurements import (
    ACCURACY,
    CLIPPED,
    D_FAKE,
    D_HIGHEST,
    D_LOWEST,
    D_REAL,
    GENERATOR_GRADIENT,
    SLOPE,
    clipped_share,
)
from kantor.models.gradients import gradient_norm
from kantor.models.spread import NEAREST_SAMPLE, REACHED, SPREAD, spread
from kantor.objectives.adversarial import NonSaturating, Wasserstein, WassersteinClipping
from kantor.samplers.direct import Direct

OF_ALL = {GENERATOR_GRADIENT, SPREAD, NEAREST_SAMPLE, REACHED, "train/ema:0.9_apart", "train/ema:0.9_start"}
OF_A_GAN = OF_ALL | {D_REAL, D_FAKE, D_LOWEST, D_HIGHEST, ACCURACY, "train/discriminator_gradient"}
OF_A_POTENTIAL = OF_ALL | {SLOPE, "train/critic_gradient"}
MEASURED = {
    "non_saturating": OF_A_GAN,
    "minimax": OF_A_GAN,
    "hinge": OF_ALL | {"train/discriminator_gradient"},
    "least_squares": OF_A_GAN,
    "relativistic": OF_ALL | {"train/discriminator_gradient"},
    "wasserstein": OF_A_POTENTIAL,
    "clipping": OF_A_POTENTIAL | {CLIPPED},
    "gradient_penalty": OF_A_POTENTIAL,
}


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


def measure(model, block):
    with torch.no_grad():
        return model.measurements(Block(block, None), keyed.Rng(7))


def test_the_slope_of_a_linear_critic_is_the_norm_of_its_weights():
    model = image_gan(objective=Wasserstein(), generator=Echo, critic=Line)
    assert float(measure(model, torch.randn(1, 16, 1, 1, 2))[SLOPE]) == pytest.approx(5.0)


def test_the_norm_is_taken_over_all_gradients():
    critic = Line()
    assert float(gradient_norm(critic)) == 0
    critic.weights.grad, critic.offset.grad = torch.tensor([2.0, 3.0]), torch.tensor(6.0)
    assert float(gradient_norm(critic)) == pytest.approx(7.0)


def test_the_norms_are_those_of_the_steps_last_gradients():
    model = image_gan(objective=Wasserstein())
    fit(model, TinyImages(), 2, Measurement(clock=Clock(), seed=0, every=1))
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
@pytest.mark.parametrize("name", [name for name, measured in MEASURED.items() if D_REAL in measured])
def test_d_is_what_the_objective_makes_of_a_number(name, offset):
    model = image_gan(objective=OBJECTIVES[name], generator=Echo, critic=lambda: Line(offset))
    with torch.no_grad():
        model.critic.weights.zero_()
    values = measure(model, torch.zeros(2, 10, 1, 1, 2))
    expected = offset if name == "least_squares" else 1 / (1 + math.exp(-offset))
    assert float(values[D_REAL]) == pytest.approx(expected) == float(values[D_FAKE])
    assert float(values[ACCURACY]) == (0.0 if expected == 0.5 else 0.5)  # at ½ it has decided nothing


def test_a_discriminator_that_knows_has_accuracy_one():
    class Brightness(torch.nn.Module):
        def forward(self, x):
            return x.flatten(1).sum(1) - 100

    model = image_gan(generator=Echo, critic=Brightness)
    assert float(measure(model, torch.full((1, 10, 1, 1, 2), 200.0))[ACCURACY]) == 1


@pytest.mark.parametrize("name", OBJECTIVES)
def test_each_objective_has_its_measurements_and_a_chart_of_each(name):
    model = image_gan(objective=OBJECTIVES[name])
    assert set(measure(model, torch.rand(1, 8, 1, 8, 8))) == MEASURED[name]
    charts = model.charts()
    drawn = [column for chart in charts for column in chart.lines if column.startswith("train/")]
    assert set(drawn) == MEASURED[name] and len(drawn) == len(set(drawn))
    assert len({chart.file for chart in charts}) == len(charts)


@pytest.mark.parametrize("objective", [Wasserstein(), NonSaturating()])
def test_spread_is_that_of_the_raw_generator_in_eval_mode_before_anything_changes_its_statistics(objective):
    block = torch.rand(2, 8, 1, 8, 8)
    model, other = (image_gan(objective=objective, critic=Normalised) for _ in range(2))
    with torch.no_grad():
        for average in model.weights("ema")["generator"].parameters():
            average.zero_()
    noise = keyed.Rng(keyed.seed(model.seed, "spread"))
    expected = spread(block.flatten(0, 1), lambda n: other.sample(n, rng=noise, sampler=Direct(), weights="raw"))
    found = measure(model, block)
    assert all(torch.equal(found[column], value) for column, value in expected.items()) and len(expected) == 3


@pytest.mark.parametrize("name", OBJECTIVES)
def test_torchs_own_random_state_has_no_say_in_what_is_measured(name):
    model, block = image_gan(objective=OBJECTIVES[name]), torch.rand(1, 8, 1, 8, 8)
    first = measure(model, block)
    torch.manual_seed(1)
    second = measure(image_gan(objective=OBJECTIVES[name]), block)
    assert all(torch.equal(first[column], second[column]) for column in first)
