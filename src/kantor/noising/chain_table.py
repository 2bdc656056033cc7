"""What the Purdue lecture prints of a chain of T steps (Kak & Bouman 2024, alpha_beta_calc.py): fourteen rows."""

import numpy as np
import torch

from kantor.noising.path import Chain
from kantor.noising.transition import transition


def chain_table(chain: Chain) -> dict[str, np.ndarray]:
    """The rows by what they are, in the lecture's order, each float64 (T,).

    `log posterior variance`, which is -∞ at step 1, has step 2's value there.
    """
    beta, alpha_bar = chain.beta, chain.alpha_bar
    times = torch.arange(chain.steps + 1, dtype=torch.float64) / chain.steps
    posterior = transition(chain.at(times[1:]), chain.at(times[:-1]))
    variance = posterior.smaller.numpy()
    return {
        "beta": beta,
        "alpha": 1 - beta,
        "alpha_bar": alpha_bar,
        "alpha_bar before": np.append(1.0, alpha_bar[:-1]),
        "alpha_bar after": np.append(alpha_bar[1:], 0.0),
        "sqrt alpha_bar": np.sqrt(alpha_bar),
        "sqrt 1 - alpha_bar": np.sqrt(1 - alpha_bar),
        "log 1 - alpha_bar": np.log1p(-alpha_bar),
        "sqrt 1/alpha_bar": np.sqrt(1 / alpha_bar),
        "sqrt 1/alpha_bar - 1": np.sqrt(1 / alpha_bar - 1),
        "posterior variance": variance,
        "log posterior variance": np.log(np.append(variance[1], variance[1:])),
        "posterior mean of x_0": posterior.of_data.numpy(),
        "posterior mean of x_t": posterior.of_x_t.numpy(),
    }
