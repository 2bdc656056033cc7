"""Checks of generators and critics."""

import torch
from torch import nn

from kantor.models.networks import evaluating
from kantor.objectives.critic import squashing
from kantor.testing.faults import fail, near

MIXED = "each sample by itself: no mean over the batch, no batch normalisation in a penalised critic"


def check_network(
    network: nn.Module, *, takes: tuple[int, ...], gives: tuple[int, ...], within: tuple[float, float] | None = None
) -> None:
    """Check a network in eval mode: shapes, finite numbers, samples that do not influence each other.

    Args:
        network: any.
        takes: the shape of one sample going in.
        gives: that of one coming out; () for a critic.
        within: the range of what it gives, (-1, 1) for a generator of pictures; None for any.

    Raises:
        AssertionError: it is not like that.
    """
    name = type(network).__name__
    with evaluating({"network": network}), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for n in (1, 5):
            x = torch.randn(n, *takes)
            kept, y = x.clone(), network(x)
            if tuple(y.shape) != (n, *gives):
                hint = "return one number for each sample, without a last dimension of 1" if gives == () else ""
                fail(f"{name} makes {tuple(y.shape)} of {tuple(x.shape)}", f"expected {(n, *gives)} {hint}".rstrip())
            if not y.isfinite().all():
                fail(f"{name} gives numbers that are not finite", "look for logarithms and divisions near 0")
            if not torch.equal(x, kept):
                fail(f"{name} changes its input in place", "take inplace=False in its first layer")
        x.requires_grad_(True)
        y = network(x)
        end = squashing(y) if gives == () else None
        if end is not None:
            fail(f"{name} ends in a {end}", "a critic gives numbers without bounds: let it end in a linear layer")
        near(network(x), y, f"{name} gives other numbers the second time", "in eval mode it draws nothing")
        near(torch.cat([network(x[i : i + 1]) for i in range(5)]), y, f"{name} mixes samples", MIXED)
        near(network(x.flip(0)), y.flip(0), f"{name} knows the order of samples", MIXED)
        (gradient,) = torch.autograd.grad(y[2].sum(), x)
        if gradient[[0, 1, 3, 4]].any():
            fail(f"{name} mixes samples in its gradient", MIXED)
        if not gradient[2].any():
            fail(f"{name} has no gradient by its input", "detach nothing, and round nothing")
        if within is not None and not (within[0] <= y.min() and y.max() <= within[1]):
            fail(f"{name} gives {y.min():.3g} to {y.max():.3g}", f"expected {within}: let it end in a tanh")
