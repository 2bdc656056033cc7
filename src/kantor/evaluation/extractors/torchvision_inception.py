"""torchvision's Inception-v3, ported from TensorFlow's of 2015 with other weights than those that FID is defined by.

Some projects have made their tables with it; scores in its features are comparable with nobody's FID. Pictures of any
size become 299×299 as a whole, by the interpolation that torchvision publishes with these weights: bilinear, with
half-pixel centres, antialiased where pictures get smaller. (Its own transform makes the shorter side 342 and cuts out
the central 299, which would hide a border.) Then levels/255, less ImageNet's mean, over its standard deviation.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from kantor.data import cache
from kantor.evaluation.extractors.base import as_rgb
from kantor.evaluation.extractors.weights import Published, PublishedNetwork

SIDE = 299
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
PUBLISHED = Published(
    title="torchvision's Inception-v3 (104 MB of weights)",
    form="Inception-v3 in torchvision's form",
    url="https://download.pytorch.org/models/inception_v3_google-0cc3c7bd.pth",
    sha256="0cc3c7bd",  # its makers publish these digits, in its name
)


@dataclass(frozen=True, kw_only=True)
class TorchvisionInception(PublishedNetwork):
    """`torchvision_inception`: 2048 features, the averages of the last maps, in evaluation mode; no logits. The
    published weights are IMAGENET1K_V1."""

    name: ClassVar[str] = "torchvision_inception"
    classes: ClassVar[None] = None
    published: ClassVar[Published] = PUBLISHED

    def identity(self) -> dict[str, Any]:
        """What determines the features.

        Raises:
            UserError: the weights cannot be had: no more than a part of their SHA-256 is known without them.
        """
        return {
            "name": "torchvision_inception",
            "weights": cache.file_digest(self.path),
            "resize": "bilinear, half-pixel centres, antialiased, to 299×299",
            "range": "levels / 255, ImageNet's mean and standard deviation",
            "grey": "repeated to RGB",
            "layer": "average of the last maps, 2048",
            "arithmetic": "float32",
        }

    def make(self, state: dict[str, Tensor]) -> nn.Module:
        """torchvision's network without its last layer."""
        return torchvisions(state)

    def forward(self, images: Tensor) -> tuple[Tensor, None]:
        """Features (batch, 2048)."""
        from torchvision.transforms.functional import normalize

        size = (SIDE, SIDE)
        x = nn.functional.interpolate(images.float(), size, mode="bilinear", align_corners=False, antialias=True)
        x = normalize(as_rgb(x) / 255, MEAN, STD)
        return self.network(x.to(memory_format=torch.channels_last)), None  # (B, 2048)


def torchvisions(state: dict[str, Tensor]) -> nn.Module:
    """torchvision's network with these weights, in evaluation mode and without its last layer.

    Raises:
        RuntimeError: they are none of this network.
    """
    from torchvision.models import inception_v3

    with torch.device("meta"):  # draws no random weights
        net = inception_v3(weights=None, transform_input=True, init_weights=False)  # as torchvision makes it for them
    net.load_state_dict(state, assign=True)
    net.fc = nn.Identity()
    return net.eval().requires_grad_(False).float().to(memory_format=torch.channels_last)
