import pytest
import torch

from kantor.objectives import penalties


@pytest.fixture
def channel_only_norm(monkeypatch):
    """Mutation: the norm of the gradient runs over the first dimension of a sample only, as in widely copied code."""

    def channel_only(critic, points, *, differentiable):
        points = points.detach().requires_grad_(True)
        (gradient,) = torch.autograd.grad(critic(points).sum(), points, create_graph=differentiable)
        return gradient.norm(dim=1)

    monkeypatch.setattr(penalties, "slopes", channel_only)
