"""A perceptron of noised points that is told, before every activation, how noisy they are."""

from collections.abc import Callable

from torch import Tensor, nn

from kantor.errors import require_positive
from kantor.nets.initialise import zeros
from kantor.nets.time_embedding import NoiseEmbedding


class TimeMLP(nn.Module):
    """Linear layers with an activation between each two; the level of noise shifts every hidden layer.

    Args:
        inputs: numbers of a point.
        outputs: numbers that come out; as many, or twice as many where the variance is learned too.
        width: units of each hidden layer.
        hidden_layers: how many.
        activation: makes the activation module, such as `torch.nn.SiLU`.
        waves: numbers that the level of noise is shown as.
        scale: of the levels of noise, as in `kantor.nets.time_embedding.sinusoids`.
        classes: as in `kantor.nets.time_embedding.NoiseEmbedding`.

    Shape:
        (B, inputs), noise (B,) and, with classes, labels (B,) → (B, outputs).

    Raises:
        UserError: a number is out of range.
    """

    def __init__(
        self,
        *,
        inputs: int,
        outputs: int,
        width: int,
        hidden_layers: int,
        activation: Callable[[], nn.Module],
        waves: int,
        scale: float,
        classes: int | None,
    ) -> None:
        super().__init__()
        require_positive(inputs=inputs, outputs=outputs, width=width, hidden_layers=hidden_layers)
        self.embedding = NoiseEmbedding(waves=waves, dim=width, scale=scale, classes=classes)
        sizes_in = [inputs, *[width] * (hidden_layers - 1)]
        self.hidden = nn.ModuleList(nn.Linear(size_in, width) for size_in in sizes_in)
        self.activation = activation()
        self.last = nn.Linear(width, outputs)
        zeros(self.last)

    def forward(self, x: Tensor, noise: Tensor, labels: Tensor | None = None) -> Tensor:
        """(B, inputs), (B,) and (B,) → (B, outputs)."""
        embedding = self.embedding(noise, labels)
        for layer in self.hidden:
            x = self.activation(layer(x) + embedding)
        return self.last(x)
