"""The restricted Boltzmann machine (Smolensky 1986; Hinton 2002): p(v, h) = f(v, h)/Z over bits v and h, with
f(v, h) = exp(a·v + b·h + h·Wv).

Summed over h it is p(v) = f(v)/Z, f(v) = e^{a·v}·Π_j (1 + e^{b_j + W_j v}); its conditional laws are products,
p(h_j = 1 | v) = σ(b_j + W_j v) and p(v_i = 1 | h) = σ(a_i + W_i^T h). -log f(v) is the free energy.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from kantor.errors import UserError, require_at_least, require_positive


class RBM(nn.Module):
    """As an energy it gives the free energy of what is seen.

    Args:
        visible: units that are seen, the numbers of a sample.
        hidden: units that are not.
        deviation: of the initial weights, from N(0, deviation²); biases begin at 0 (Hinton 2012, section 8).

    Shape:
        bits (B, …) → (B,).

    Raises:
        UserError: a size is out of its range, or samples have another number of bits.
    """

    def __init__(self, *, visible: int, hidden: int, deviation: float) -> None:
        super().__init__()
        require_positive(visible=visible, hidden=hidden)
        require_at_least(0, deviation=deviation)
        self.weight = nn.Parameter(deviation * torch.randn(hidden, visible))
        self.visible_bias = nn.Parameter(torch.zeros(visible))
        self.hidden_bias = nn.Parameter(torch.zeros(hidden))

    @property
    def visible(self) -> int:
        """How many units are seen."""
        return self.weight.shape[1]

    @property
    def hidden(self) -> int:
        """How many are not."""
        return self.weight.shape[0]

    def forward(self, v: Tensor) -> Tensor:
        """-log f(v) of bits (B, …), nats, (B,)."""
        v = self.flat(v)
        return -(v @ self.visible_bias) - softplus(self.hidden_inputs(v)).sum(1)

    def free_energy_of_hidden(self, h: Tensor) -> Tensor:
        """-log f(h) of hidden bits (B, hidden), the other sum, nats, (B,)."""
        return -(h @ self.hidden_bias) - softplus(self.visible_inputs(h)).sum(1)

    def joint_energy(self, v: Tensor, h: Tensor) -> Tensor:
        """-log f(v, h), nats, (B,)."""
        v = self.flat(v)
        return -(v @ self.visible_bias) - (h * self.hidden_inputs(v)).sum(1)

    def hidden_inputs(self, v: Tensor) -> Tensor:
        """b + Wv of bits (B, …), (B, hidden): p(h = 1 | v) is their sigmoid."""
        return nn.functional.linear(self.flat(v), self.weight, self.hidden_bias)

    def visible_inputs(self, h: Tensor) -> Tensor:
        """a + W^T h of hidden bits (B, hidden), (B, visible): p(v = 1 | h) is their sigmoid."""
        return nn.functional.linear(h, self.weight.T, self.visible_bias)

    def flat(self, v: Tensor) -> Tensor:
        """Samples (B, …) as rows (B, visible)."""
        rows = v.flatten(1)
        if rows.shape[1] != self.visible:
            raise UserError(
                f"visible={self.visible}: a sample has {rows.shape[1]} numbers; give it as many visible units"
            )
        return rows
