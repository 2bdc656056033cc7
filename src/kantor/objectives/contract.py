"""What the loops ask of a loss: scalar tensors, with a gradient for the weights that they are to teach."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from kantor import user_code
from kantor.errors import UserError
from kantor.keyed import Rng
from kantor.objectives.adversarial import AdversarialObjective

TAKEN, TAKEN_OF_POTENTIALS = ("loss",), ("loss", "gradient", "slope")
"""Names of what is logged of a discriminator, and of a critic, beside the terms of its loss."""

WRONG = 0.1
"""How far D may be from ½ where it should be ½: labels may be smoothed."""


def named(method: Callable[..., Any]) -> str:
    """`objective: Squares.critic_terms (mylab/losses.py, line 12)`."""
    place = user_code.place_of(method)
    return f"objective: {method.__qualname__}{'' if place is None else f' ({place})'}"


def check_scalar(value: object, said: str) -> Tensor:
    """A loss, which is a scalar tensor.

    Raises:
        UserError: it is something else.
    """
    if not isinstance(value, Tensor):
        why = ": leave out item() and float(), which take the gradient off" if isinstance(value, int | float) else ""
        raise UserError(f"{said} gives {_kind(value)}, expected a scalar tensor{why}")
    if value.dim():
        raise UserError(f"{said} gives a tensor of shape {tuple(value.shape)}, expected a scalar: take its mean()")
    if not value.is_floating_point():
        raise UserError(f"{said} gives {value.dtype}, expected a floating-point scalar")
    return value


def check_terms(terms: object, said: str, *, is_wasserstein: bool) -> Tensor:
    """The sum of the terms of a loss, scalar tensors by name.

    Raises:
        UserError: they are something else.
    """
    if not isinstance(terms, Mapping):
        expected = 'a dict of scalar tensors, such as {"real": …, "fake": …}'
        raise UserError(f"{said} gives {_kind(terms)}, expected {expected}")
    if not terms:
        raise UserError(f"{said} gives no terms: expected at least one scalar tensor by name")
    taken = TAKEN_OF_POTENTIALS if is_wasserstein else TAKEN
    for name in terms:
        if not isinstance(name, str) or not re.fullmatch(r"[\w.-]+", name) or name in taken:
            raise UserError(
                f"{said} names a term {name!r}: expected letters, digits and _, and none of {', '.join(taken)}"
            )
    return torch.stack([check_scalar(value, f"{said}, term {name!r},") for name, value in terms.items()]).sum()


def check_teaches(loss: Tensor, network: nn.Module, said: str, *, who: str) -> None:
    """Check that a loss has a gradient for some weight of the network that is to minimise it.

    Args:
        loss: a scalar with its graph.
        network: whose weights.
        said: whose loss it is.
        who: what the network is called.

    Raises:
        UserError: it has none.
    """
    weights = [weight for weight in network.parameters() if weight.requires_grad]
    if not weights:
        raise UserError(f"model: its {who}, a {type(network).__name__}, has no weights that learn: give it some")
    if loss.requires_grad:
        found = torch.autograd.grad(loss, weights, allow_unused=True)
        if any(gradient is not None for gradient in found):
            return
    raise UserError(
        f"{said} has no gradient for any weight of the {who}: detach nothing on the way, and compute without "
        "no_grad(), item() and numpy()"
    )


def check_probability(objective: AdversarialObjective) -> None:
    """Check that D is ½ where a critic that cannot tell real from generated samples has its least loss.

    Losses whose least is nowhere, or everywhere, say nothing of it.

    Raises:
        UserError: it is not.
    """
    if objective.probability(torch.zeros(1)) is None:
        return
    x, heights = torch.zeros(2, 2), torch.linspace(-10, 10, 401)

    def loss(height: Tensor) -> Tensor:
        def critic(samples: Tensor) -> Tensor:
            return height + 0 * samples.flatten(1).sum(1)

        return objective.critic_loss(critic, x, x, rng=Rng(0)).detach()

    losses = torch.stack([loss(height) for height in heights])
    least = losses <= losses.min() + 1e-6 * (losses.max() - losses.min())
    if bool(least[0]) or bool(least[-1]) or not bool(losses.isfinite().all()):
        return
    found = objective.probability(heights[least])
    assert found is not None
    if bool(((found - 0.5).abs() > WRONG).all()):
        raise UserError(
            f"{named(objective.probability)} gives {float(found.mean()):.2g} where the loss of a critic that cannot "
            "tell real from generated samples is least, expected ½: let it say what the numbers mean, or return None"
        )


def _kind(value: object) -> str:
    return "None" if value is None else f"a {type(value).__name__}"
