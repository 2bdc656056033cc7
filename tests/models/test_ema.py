import copy
import functools
import math

import numpy as np
import pytest
import torch
from torch import nn

from kantor.errors import UserError
from kantor.models.ema import WIDEST, Averages, Exponential, Power, exponent

WARM = Exponential(decay=[0.999, 0.0, 0.1, 0.5, 0.9], warm_up=True)
COLD = Exponential(decay=[0.999, 0.0, 0.1, 0.5, 0.9], warm_up=False)
WIDTHS = Power(widths=[0.10, 0.05, 0.25, WIDEST, 0.001])
each_form = pytest.mark.parametrize("averaging", [WARM, COLD, WIDTHS], ids=["warm", "cold", "power"])


def network(value=0.0):
    made = nn.Linear(2, 1)
    nn.init.constant_(made.weight, value)
    nn.init.constant_(made.bias, -value)
    return made


class Follower:
    """A network and its averages."""

    def __init__(self, made, averaging):
        self.networks = {"it": made}
        self.averages = Averages(self.networks, averaging)

    def update(self):
        self.averages.update()

    def average(self, name):
        return self.averages.networks(name)["it"]


def follow(values, averaging, start=100.0):
    """The averages' weights after each update with these weights, from `start`; a path for each number."""
    made = network(start)
    follower = Follower(made, averaging)
    path = {number: [] for number in averaging.numbers}
    for value in values:
        nn.init.constant_(made.weight, value)
        follower.update()
        for number, name in zip(averaging.numbers, averaging.names, strict=True):
            path[number].append(follower.average(name).weight[0, 0].item())
    return path


def recursion(decay, values, warm_up):
    """The first update copies; update k = 1, 2, … keeps d, or min(d, (1 + k)/(10 + k)), of the average."""
    average, path = values[0], [values[0]]
    for k, value in enumerate(values[1:], start=1):
        d = min(decay, (1 + k) / (10 + k)) if warm_up else decay
        average = d * average + (1 - d) * value
        path.append(average)
    return path


def profile(width, values):
    """Σ θ(s)·(s^(γ+1) - (s-1)^(γ+1))/t^(γ+1): the integral of τ^γ over each step, over that of all t."""
    edges = (np.arange(len(values) + 1) / len(values)) ** (exponent(width) + 1)
    return np.diff(edges) @ np.array(values)


def random(n):
    return [float(value) for value in torch.randn(n, generator=torch.Generator().manual_seed(0))]


@pytest.mark.parametrize("averaging", [WARM, COLD], ids=["warm", "cold"])
def test_every_decay_follows_its_own_recursion(averaging):
    for decay, path in follow(random(40), averaging).items():
        assert path == pytest.approx(recursion(decay, random(40), averaging.warm_up), rel=1e-4, abs=1e-5)


def test_every_width_has_its_own_profile():
    for width, path in follow(random(40), WIDTHS).items():
        for t in (1, 2, 3, 40):
            assert path[t - 1] == pytest.approx(profile(width, random(40)[:t]), rel=1e-4, abs=1e-5)


def test_the_average_of_a_ramp_is_known():
    """θ(t) = t: t·(γ + 1)/(γ + 2) + 1/2 but for a rest that fades, and the profile is as wide as it is called."""
    t, steps = 400, np.arange(1.0, 401.0)
    for width, path in follow(steps.tolist(), Power(widths=[0.05, 0.1, 0.25, WIDEST])).items():
        gamma = exponent(width)
        assert path[-1] == pytest.approx(t * (gamma + 1) / (gamma + 2) + 0.5, abs=0.05)
        mean, square = profile(width, (steps - 0.5).tolist()), profile(width, ((steps - 0.5) ** 2).tolist())
        assert (square - mean**2) ** 0.5 / t == pytest.approx(width, rel=1e-3)


@pytest.mark.parametrize(("width", "gamma"), [(0.05, 16.97), (0.10, 6.94), (WIDEST, 0.0)])
def test_a_width_and_its_exponent_are_those_of_the_paper(width, gamma):
    assert exponent(width) == pytest.approx(gamma, abs=5e-3)


@pytest.mark.parametrize("width", [1e-4, 0.01, 0.05, 0.13, 0.2, 0.28, WIDEST])
def test_the_exponent_solves_its_equation(width):
    gamma = exponent(width)
    assert (gamma + 1) ** 0.5 / ((gamma + 2) * (gamma + 3) ** 0.5) == pytest.approx(width, rel=1e-9)


def test_the_widest_is_the_mean_of_all():
    assert follow([1.0, 2.0, 6.0], Power(widths=WIDEST))[WIDEST] == pytest.approx([1, 1.5, 3])


def test_decay_zero_follows_at_once():
    values = [1.0, -2.0, 0.1, 1e-7]
    assert follow(values, Exponential(0.0, warm_up=True))[0.0] == [torch.tensor(v).item() for v in values]


@each_form
def test_the_first_update_forgets_the_initial_weights(averaging):
    assert set(map(tuple, follow([3.0], averaging, start=100.0).values())) == {(3.0,)}


def test_the_warm_up_ends_at_the_decay():
    """A unit step of the weights at update k moves the average by 1 - min(decay, (1+k)/(10+k))."""
    for k, expected in ((1, 1 - 2 / 11), (5, 1 - 6 / 15), (8, 0.5), (30, 0.5)):
        found = follow([0.0] * k + [1.0], Exponential(0.5, warm_up=True))[0.5][-1]
        assert found == pytest.approx(expected, rel=1e-5)


@each_form
def test_the_average_of_constant_weights_is_that_constant(averaging):
    for path in follow([0.3] * 20, averaging).values():
        assert path == pytest.approx([0.3] * 20, rel=1e-6)


@each_form
def test_how_much_an_update_takes_in_is_a_share(averaging):
    for number in averaging.numbers:
        assert all(0 <= averaging.weight(number, k) <= 1 for k in (1, 2, 10, 10**6))


def test_averages_are_called_by_their_numbers():
    assert Exponential(0.999, warm_up=True).names == ("ema:0.999",)
    assert Exponential([0, 0.9999], warm_up=True).names == ("ema:0.0", "ema:0.9999")
    assert Power([0.10, 0.05]).names == ("ema:0.1", "ema:0.05")


def test_all_parameters_of_all_networks_are_averaged():
    networks = {"one": network(1.0), "two": nn.Linear(3, 1)}
    averages = Averages(networks, Exponential(decay=0.5, warm_up=True))
    averages.update()
    nn.init.constant_(networks["one"].weight, 3.0)
    nn.init.constant_(networks["one"].bias, 7.0)
    before = networks["two"].weight.detach().clone()
    nn.init.zeros_(networks["two"].weight)
    averages.update()  # d = min(0.5, 2/11)
    d, found = 2 / 11, averages.networks("ema:0.5")
    assert found["one"].weight.tolist() == [pytest.approx([3 - 2 * d] * 2)]
    assert found["one"].bias.tolist() == pytest.approx([7 - 8 * d])
    torch.testing.assert_close(found["two"].weight, d * before)


def test_buffers_are_copied_not_averaged():
    made = nn.BatchNorm1d(1)
    follower = Follower(made, Exponential(0.9, warm_up=True))
    for _ in range(3):
        made(torch.randn(8, 1) * 5 + 7)
        follower.update()
    average = follower.average("ema:0.9")
    assert torch.equal(average.running_mean, made.running_mean)
    assert torch.equal(average.running_var, made.running_var)
    assert average.num_batches_tracked.item() == 3


class Counting(nn.Module):
    """A network that puts another buffer in the place of its own, and has one weight under two names."""

    def __init__(self):
        super().__init__()
        self.one = network(1.0)
        self.register_buffer("count", torch.zeros(()))
        self.other = self.one

    def forward(self, x):
        self.count = self.count + 1
        return self.one(x)


def test_tensors_are_followed_where_they_are_now():
    """`to` and assignment put other tensors in the place of those that were there at first."""
    made = Counting()
    follower = Follower(made, Exponential(0.5, warm_up=False))
    follower.update()
    nn.Module.double(nn.ModuleList([made, follower.averages]))
    made.load_state_dict({name: value + 2 for name, value in made.state_dict().items()}, assign=True)
    made(torch.ones(1, 2, dtype=torch.float64))
    follower.update()
    average = follower.average("ema:0.5")
    assert average.one.weight.tolist() == [[2.0, 2.0]] and average.one is average.other
    assert average.count.item() == 3


def test_averages_are_always_in_eval_mode():
    averages = Follower(nn.Sequential(nn.Linear(1, 1), nn.Dropout(0.5)), WARM).averages
    model = nn.ModuleDict({"averages": averages, "other": nn.Dropout()})
    model.train()
    assert model["other"].training
    assert {module.training for module in averages.modules()} == {False}
    averages.train(True)
    assert {module.training for module in averages.modules()} == {False}


def test_averages_have_no_gradients_and_share_no_memory():
    made = network(1.0)
    follower = Follower(made, Power([0.1, 0.05]))
    assert [weight.requires_grad for weight in follower.averages.parameters()] == [False] * 4
    follower.update()
    nn.init.constant_(made.weight, 9.0)
    assert [follower.average(name).weight.tolist() for name in ("ema:0.1", "ema:0.05")] == [[[1.0, 1.0]]] * 2
    assert made.weight.requires_grad


@each_form
def test_reloaded_averages_go_on_as_if_nothing_had_happened(averaging):
    """The number of updates is part of the state, else the start would begin again."""

    def step(follower, k):
        nn.init.constant_(follower.networks["it"].weight, float(k))
        follower.update()

    follower = Follower(network(), averaging)
    for k in range(6):
        step(follower, k)
    state = copy.deepcopy(follower.averages.state_dict())
    for k in range(6, 9):
        step(follower, k)

    resumed = Follower(network(50.0), averaging)
    resumed.averages.load_state_dict(state)
    for k in range(6, 9):
        step(resumed, k)
    for name in averaging.names:
        assert torch.equal(resumed.average(name).weight, follower.average(name).weight)


@pytest.mark.parametrize(
    "averaging",
    [
        *(
            Exponential(decay=decay, warm_up=warm_up)
            for decay in (0, 0.1, 2 / 11, 0.5, 0.9, 0.999)
            for warm_up in (0, 1)
        ),
        *(Power(widths=width) for width in (0.01, 0.1, 12**-0.5)),
    ],
    ids=repr,
)
def test_what_is_left_of_the_first_weights_is_the_product_of_what_each_update_keeps(averaging):
    (number,) = averaging.numbers
    for updates in (1, 2, 3, 12, 99):
        product = math.prod(1 - averaging.weight(number, k) for k in range(1, updates))
        assert averaging.kept(number, updates) == pytest.approx(product, rel=1e-9, abs=1e-12)


NO_NUMBER = [-0.1, 2, float("nan"), False, "0.5", None]


@pytest.mark.parametrize("decay", [1, 1.0, [0.9, 1.0], *NO_NUMBER, [0.9, False]])
def test_a_decay_out_of_range_is_refused(decay):
    with pytest.raises(UserError, match=r"decay=.*\[0, 1\)"):
        Exponential(decay=decay, warm_up=True)


@pytest.mark.parametrize("widths", [0, 0.289, 1, [0.1, 0.3], *NO_NUMBER, [0.1, False]])
def test_a_width_out_of_range_is_refused(widths):
    with pytest.raises(UserError, match=r"widths=.*above 0 and at most 0.2887"):
        Power(widths=widths)


@pytest.mark.parametrize("numbers", [[], [0.1, 0.05, 0.1]])
def test_several_numbers_have_to_differ(numbers):
    for made in (lambda: Exponential(decay=numbers, warm_up=True), lambda: Power(widths=numbers)):
        with pytest.raises(UserError, match=r"=\[.*several that differ"):
            made()


def test_networks_with_partial_layers_are_averaged():
    """Deep copies of closures and partials must not tie average and network together."""
    made = nn.Sequential(nn.Linear(1, 1), functools.partial(nn.Linear, 1)(1))
    follower = Follower(made, Exponential(0.0, warm_up=True))
    nn.init.constant_(made[0].weight, 5.0)
    assert follower.average("ema:0.0")[0].weight.item() != 5.0
