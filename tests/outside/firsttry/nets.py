"""Networks, with what people write at first: numbers read off tensors, views, noise and dropout wherever they go."""

import torch
from torch import nn
from torch.nn import functional


class Generator(nn.Module):
    """Noise is added in `forward`, and dropout stays on when samples are drawn."""

    def __init__(self, *, latent_dim: int, side: int) -> None:
        super().__init__()
        self.side = side
        self.first = nn.Linear(latent_dim, 4 * side * side)
        self.last = nn.Conv2d(4, 1, 3, padding=1)
        self.strength = torch.linspace(0.0, 0.2, 5).mean().item()

    def forward(self, z):
        h = self.first(z).view(-1, 4, self.side, self.side)
        h = functional.dropout(h, 0.2)
        h = h + self.strength * torch.randn(h.shape)
        return torch.tanh(self.last(h))


class Critic(nn.Module):
    """Looks at the numbers before it goes on, and flattens by `view`."""

    def __init__(self, *, side: int) -> None:
        super().__init__()
        self.look = nn.Conv2d(1, 4, 3, padding=1)
        self.judge = nn.Linear(4 * side * side, 1)

    def forward(self, x):
        h = functional.leaky_relu(self.look(x), 0.2)
        if h.abs().max() > 100:
            h = h / h.abs().max()
        return self.judge(h.view(h.shape[0], -1)).view(-1)
