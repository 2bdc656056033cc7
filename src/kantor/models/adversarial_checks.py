"""Whether a generator and a critic fit each other and the data, and whether two losses teach them."""

from collections.abc import Callable, Mapping

from torch import Tensor, nn

from kantor import keyed, user_code
from kantor.errors import UserError
from kantor.messages import say
from kantor.objectives import contract
from kantor.objectives.adversarial import AdversarialObjective
from kantor.objectives.critic import Critic, squashing


def check_losses(
    objective: AdversarialObjective,
    critic: Critic,
    networks: Mapping[str, nn.Module],
    real: Tensor,
    fake: Tensor,
    rng: keyed.Rng,
) -> None:
    """Check that both losses are scalars, and that each teaches its network.

    Args:
        objective: whose losses.
        critic: as the losses see it.
        networks: the generator, then the network that judges, by the names that the model calls them.
        real, fake: samples (B, …), the latter with their graph.
        rng: noise.

    Raises:
        UserError: they do not.
    """
    (maker, generator), (judge, network) = networks.items()
    said = contract.named(objective.critic_terms)
    terms = objective.critic_terms(critic, real, fake.detach(), rng=rng)
    whole = contract.check_terms(terms, said, is_wasserstein=objective.is_wasserstein)
    contract.check_teaches(whole, network, said, who=judge)
    said = contract.named(objective.generator_loss)
    loss = contract.check_scalar(objective.generator_loss(critic, real, fake), said)
    contract.check_teaches(loss, generator, said, who=maker)
    contract.check_probability(objective)


def generated(make: Callable[[], object], sample_shape: tuple[int, ...], told: str) -> Tensor:
    """What the generator makes of two noise vectors, which is as the data are.

    Args:
        make: asks it.
        sample_shape: of the data, without the batch.
        told: what it is told besides the noise, in words.

    Raises:
        UserError: it is not, or it cannot take them.
    """
    try:
        samples = make()
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"generator: it cannot take its noise{told}: {user_code.reason(error)}") from error
    if not isinstance(samples, Tensor):
        raise UserError(f"generator: it makes a {type(samples).__name__} of its noise, expected one tensor")
    if tuple(samples.shape) != (2, *sample_shape):
        raise UserError(
            f"generator: it makes {tuple(samples.shape[1:])} of each noise vector, the data are {sample_shape}: "
            "give it their channels and size, or take data or a model of the other's"
        )
    return samples


def criticised(judge: Callable[[], object], sample_shape: tuple[int, ...], told: str) -> Tensor:
    """What the critic makes of two samples: one number of each. Arguments as of `generated`.

    Raises:
        UserError: it does not, or it cannot take them.
    """
    try:
        values = judge()
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"critic: it cannot take the data, which are {sample_shape}{told} ({user_code.reason(error)}): give "
            "it their channels and size, or take data or a model of the other's"
        ) from error
    if not isinstance(values, Tensor):
        raise UserError(f"critic: it gives a {type(values).__name__}, expected a tensor with one number a sample")
    if tuple(values.shape) != (2,):
        raise UserError(
            f"critic: it gives {tuple(values.shape[1:])} for each sample, expected one number (outputs: null)"
        )
    return values


def look_for_squashing(values: Tensor, objective: AdversarialObjective, name: str) -> None:
    """Say that the critic's numbers have bounds, where the objective expects none.

    Args:
        values: some of them.
        objective: which.
        name: what the critic is called.
    """
    end = squashing(values)
    if end is not None and objective.unbounded:
        say(
            f"model.critic ends in a {end}, and {type(objective).__name__} expects numbers without bounds: "
            f"the {name} cannot say how sure it is. Let it end in a linear layer"
        )
