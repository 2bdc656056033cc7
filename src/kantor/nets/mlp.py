"""Multilayer perceptrons, as generator and as critic of points."""

import itertools
from collections.abc import Callable

from torch import Tensor, nn

from kantor.errors import require_at_least, require_positive


class MLP(nn.Module):
    """Linear layers with an activation between each two.

    Args:
        inputs: features in, per sample.
        width: units of each hidden layer.
        hidden_layers: how many hidden layers; the lecture has 3.
        outputs: features out, per sample; None for a critic, which returns one number per sample.
        activation: makes the activation module, such as `torch.nn.ReLU`.
        initialise: called on the finished module; None keeps torch's own.

    Shape:
        (B, inputs) → (B, outputs), or (B,) when `outputs` is None.
    """

    def __init__(
        self,
        *,
        inputs: int,
        width: int,
        hidden_layers: int,
        outputs: int | None,
        activation: Callable[[], nn.Module],
        initialise: Callable[[nn.Module], None] | None,
    ) -> None:
        super().__init__()
        require_positive(inputs=inputs, width=width, outputs=1 if outputs is None else outputs)
        require_at_least(0, hidden_layers=hidden_layers)
        sizes = [inputs, *[width] * hidden_layers]
        body: list[nn.Module] = []
        for size_in, size_out in itertools.pairwise(sizes):
            body += [nn.Linear(size_in, size_out), activation()]
        self.body = nn.Sequential(*body, nn.Linear(sizes[-1], 1 if outputs is None else outputs))
        self.per_sample = outputs is None
        if initialise is not None:
            initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs) → (B, outputs) or (B,)."""
        y = self.body(x)
        return y.squeeze(1) if self.per_sample else y
