"""kantor's ReLU against torch's: values, gradients, and the gradients of a gradient penalty."""

import copy

import pytest
import torch
from torch import nn

from kantor.nets.activations import ReLU
from kantor.nets.mlp import MLP
from kantor.objectives.penalties import gradient_penalty


def inputs(*shape):
    torch.manual_seed(0)
    x = torch.randn(*shape)
    x.view(-1)[:3] = torch.tensor([0.0, 1e-30, -1e-30])  # the kink, and both sides of it
    return x


@pytest.mark.parametrize("shape", [(7,), (4, 3), (2, 3, 5, 5)])
def test_values_and_gradients_are_torchs(shape):
    ours, theirs = inputs(*shape).requires_grad_(), inputs(*shape).requires_grad_()
    upstream = torch.randn(*shape)
    y_ours, y_theirs = ReLU()(ours), nn.ReLU()(theirs)
    y_ours.backward(upstream)
    y_theirs.backward(upstream)
    assert torch.equal(y_ours, y_theirs)
    assert torch.equal(ours.grad, theirs.grad)


def test_the_input_is_left_as_it_was():
    x = inputs(5)
    ReLU()(x)
    assert torch.equal(x, inputs(5))


def test_a_nan_stays_a_nan():
    """Else a diverged critic would look healthy."""
    assert ReLU()(torch.tensor([float("nan"), 1.0])).isnan().tolist() == [True, False]


def critics(hidden_layers):
    torch.manual_seed(2)
    settings = {"inputs": 2, "width": 16, "hidden_layers": hidden_layers, "outputs": None, "initialise": None}
    theirs = MLP(**settings, activation=nn.ReLU)
    ours = MLP(**settings, activation=ReLU)
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


@pytest.mark.parametrize("hidden_layers", [1, 2, 3])
@pytest.mark.parametrize("one_sided", [False, True])
def test_a_gradient_penaltys_gradients_by_the_weights_are_torchs(hidden_layers, one_sided):
    torch.manual_seed(1)
    real, fake, epsilon = torch.randn(32, 2) * 3, torch.randn(32, 2), torch.rand(32)
    gradients = []
    for critic in critics(hidden_layers):
        for weight in critic.parameters():
            weight.data.mul_(2)  # slopes on both sides of 1, so that the one-sided penalty is not 0
        loss = 10 * gradient_penalty(critic, real, fake, epsilon, one_sided=one_sided)
        loss = loss + critic(fake).mean() - critic(real).mean()
        loss.backward()
        gradients.append([loss.detach(), *(weight.grad for weight in critic.parameters())])
    assert gradients[1][1].abs().max() > 0
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-7)


def test_training_with_the_penalty_ends_at_torchs_weights():
    ended = []
    for critic in critics(3):
        torch.manual_seed(3)
        optimizer = torch.optim.Adam(critic.parameters(), lr=1e-2)
        for _ in range(10):
            real, fake, epsilon = torch.randn(16, 2) + 2, torch.randn(16, 2), torch.rand(16)
            loss = critic(fake).mean() - critic(real).mean() + gradient_penalty(critic, real, fake, epsilon)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        ended.append(torch.cat([weight.detach().flatten() for weight in critic.parameters()]))
    torch.testing.assert_close(ended[0], ended[1], rtol=1e-4, atol=1e-5)


def test_first_and_second_derivatives_pass_autograds_own_check():
    x = torch.tensor([-1.5, -0.3, 0.4, 2.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(ReLU(), x)
    assert torch.autograd.gradgradcheck(ReLU(), x)


def test_the_second_derivative_is_zero():
    """d/dx of the gradient of relu(x)·w: 0, though the gradient by w's side is kept."""
    x = torch.tensor([1.0, -1.0], requires_grad=True)
    w = torch.tensor([3.0, 5.0], requires_grad=True)
    (gradient,) = torch.autograd.grad((ReLU()(x) * w).sum(), x, create_graph=True)
    assert gradient.tolist() == [3.0, 0.0]
    by_x, by_w = torch.autograd.grad(gradient.sum(), (x, w), allow_unused=True)
    assert by_w.tolist() == [1.0, 0.0]
    assert by_x is None or by_x.abs().max() == 0


def test_it_survives_a_deep_copy_and_keeps_no_state():
    module = copy.deepcopy(ReLU())
    assert list(module.state_dict()) == []
    assert module(torch.tensor([-1.0, 2.0])).tolist() == [0.0, 2.0]
