"""An energy of points that has a Z: whatever a network gives, far away it is steep enough."""

from torch import Tensor, nn

from kantor.errors import require_positive


class Confined(nn.Module):
    """E(x) = f(x/u) + ‖x‖²/(2·s²): the law N(0, s²) with the weight e^{-f}.

    Args:
        network: f, (B, …) → (B,); beyond the data it should grow more slowly than a square, as perceptrons do.
        unit: u, about the distance over which the density of the data changes: f learns slowly what is far narrower
            than its own.
        deviation: s, wider than the data.

    Shape:
        (B, …) → (B,).
    """

    def __init__(self, *, network: nn.Module, unit: float, deviation: float) -> None:
        super().__init__()
        require_positive(unit=unit, deviation=deviation)
        self.network = network
        self.unit = unit
        self.deviation = deviation

    def forward(self, x: Tensor) -> Tensor:
        """(B, …) → (B,)."""
        return self.network(x / self.unit) + (x / self.deviation).square().flatten(1).sum(1) / 2
