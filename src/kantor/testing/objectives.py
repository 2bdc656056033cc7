"""Checks of adversarial losses."""

import torch
from torch import Tensor

from kantor import keyed
from kantor.errors import UserError
from kantor.objectives import contract
from kantor.objectives.adversarial import AdversarialObjective
from kantor.objectives.critic import Critic
from kantor.testing.faults import fail, same


class Half(keyed.Rng):
    """Draws ½ for everyone, and 0 of normal numbers: with it a loss is a function of the batch alone."""

    def __init__(self) -> None:
        super().__init__(0)

    def uniform(self, n: int, *shape: int) -> Tensor:
        """½."""
        return torch.full((n, *shape), 0.5)

    def normal(self, n: int, *shape: int) -> Tensor:
        """0."""
        return torch.zeros(n, *shape)


def smooth_critic(x: Tensor) -> Tensor:
    """A critic with a curvature, (B, …) → (B,)."""
    return x.flatten(1).sin().sum(1) + 0.3 * x.flatten(1)[:, 0] ** 2


def losses(
    objective: AdversarialObjective, real: Tensor, fake: Tensor, critic: Critic = smooth_critic
) -> dict[str, Tensor]:
    """The terms by name, and both losses as `critic` and `generator`."""
    return {
        **objective.critic_terms(critic, real, fake, rng=Half()),
        "critic": objective.critic_loss(critic, real, fake, rng=Half()),
        "generator": objective.generator_loss(critic, real, fake),
    }


def check_objective(objective: AdversarialObjective) -> None:
    """Check an adversarial loss: scalars, sums of their terms, means over the batch, that push the right way.

    Args:
        objective: any; of a loss with gradients of the critic too.

    Raises:
        AssertionError: it is not like that.
    """
    name = type(objective).__name__
    for shape in ((2,), (3, 4, 4)):
        real, fake = batch(8, *shape)
        kept = real.clone(), fake.clone()
        whole = losses(objective, real, fake)
        for term, value in whole.items():
            if value.shape != ():
                fail(
                    f"{name}: {term} has the shape {tuple(value.shape)}", "a loss is a scalar, the mean over the batch"
                )
            if not value.isfinite():
                fail(f"{name}: {term} is {value.item()} of ordinary numbers", "it has to be finite")
        if not (torch.equal(real, kept[0]) and torch.equal(fake, kept[1])):
            fail(f"{name} changes the samples that it is given", "compute without in-place operations")
        total = sum(value for term, value in whole.items() if term not in ("critic", "generator"))
        same(
            name, "the critic's loss", whole["critic"], total, "it is the sum of its terms: leave critic_loss as it is"
        )
        order = torch.arange(7, -1, -1)
        for term, value in losses(objective, real[order], fake[order]).items():
            same(name, f"{term} of the batch in another order", value, whole[term], "let no sample have a place")
        halves = losses(objective, real[:4], fake[:4]), losses(objective, real[4:], fake[4:])
        for term, value in whole.items():
            mean = (halves[0][term] + halves[1][term]) / 2
            same(name, f"the mean of {term} over two halves", mean, value, "take the mean over samples, not the sum")
    _check_directions(objective, name)
    _check_extremes(objective, name)
    _check_meaning(objective)
    _check_keys(objective, name)


def _check_directions(objective: AdversarialObjective, name: str) -> None:
    """A critic's step raises f(real) - f(fake); a generator's step raises f(fake)."""
    real, fake = batch(6)
    f_real, f_fake = torch.full((6,), 0.5, requires_grad=True), torch.full((6,), 0.5, requires_grad=True)

    def scores(x: Tensor) -> Tensor:  # numbers of their own for these samples, so that gradients can be read off
        values = x.sum(1)
        for samples, own in ((real, f_real), (fake, f_fake)):
            for sample, number in zip(samples, own, strict=True):
                values = torch.where((x == sample).all(1), number, values)
        return values

    def pushed(loss: Tensor) -> tuple[Tensor, Tensor]:
        found = torch.autograd.grad(loss, (f_real, f_fake), allow_unused=True)
        return tuple(torch.zeros(6) if one is None else one for one in found)  # type: ignore[return-value]

    up, down = pushed(objective.critic_loss(scores, real, fake, rng=Half()))
    if not ((up < 0).all() and (down > 0).all()):
        fail(f"{name}: a step of the critic does not part real from generated samples", "it raises f(real) - f(fake)")
    if not (pushed(objective.generator_loss(scores, real, fake))[1] < 0).all():
        fail(f"{name}: a step of the generator does not raise f(fake)", "mind the sign of the loss, and detach nothing")


def _check_extremes(objective: AdversarialObjective, name: str) -> None:
    """Losses stay finite where a critic is very sure."""
    for size in (-1000.0, 1000.0):

        def sure(x: Tensor, size: float = size) -> Tensor:
            return size + 0 * x.flatten(1).sum(1)

        for term, value in losses(objective, *batch(8), sure).items():
            if not value.isfinite():
                fail(f"{name}: {term} is {value.item()} where the critic says {size:g}", "use softplus or logsigmoid")


def _check_meaning(objective: AdversarialObjective) -> None:
    """D is ½ where nothing can be told."""
    try:
        contract.check_probability(objective)
    except UserError as error:
        fail(str(error), "½ where samples are as likely to be real as generated")


def _check_keys(objective: AdversarialObjective, name: str) -> None:
    """What is drawn comes from `rng` alone."""
    drawn = []
    for seed in (4, 5):
        torch.manual_seed(seed)
        drawn.append(objective.critic_loss(smooth_critic, *batch(8), rng=keyed.Rng(3)))
    same(name, "the critic's loss of equal rng", drawn[1], drawn[0], "draw from rng alone, so that runs can go on")


def batch(n: int, *shape: int) -> tuple[Tensor, Tensor]:
    """Real samples around 1 and generated ones around 0, each (n, *shape); (n, 2) without a shape."""
    generator = torch.Generator().manual_seed(0)
    size = (n, *(shape or (2,)))
    return torch.randn(size, generator=generator) + 1, torch.randn(size, generator=generator)
