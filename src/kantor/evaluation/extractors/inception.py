"""Inception-v3 as Heusel et al. (2017, arXiv:1706.08500) and everybody after them used it for FID.

The network and its weights, converted from TensorFlow's of 2015, are torch-fidelity's; here it runs faster: batch
normalisations are folded into the convolutions, and the channels lie last. Pictures of any size are resized to 299×299
as TensorFlow 1 did it: bilinear, from the top left corner, without half-pixel centres and without antialiasing.
"""

import io
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from kantor.data import cache
from kantor.evaluation.extractors.base import as_rgb
from kantor.evaluation.extractors.weights import Published, PublishedNetwork

SIDE = 299
PUBLISHED = Published(
    title="Inception-v3 (96 MB of weights)",
    form="Inception-v3 in torch-fidelity's form",
    url="https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth",
    sha256="6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
)
LAYERS = (
    "Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "MaxPool_1", "Conv2d_3b_1x1", "Conv2d_4a_3x3", "MaxPool_2",
    "Mixed_5b", "Mixed_5c", "Mixed_5d", "Mixed_6a", "Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e", "Mixed_7a",
    "Mixed_7b", "Mixed_7c",
)  # fmt: skip
"""Of torch-fidelity's network, in the order of its `forward`."""


@dataclass(frozen=True, kw_only=True)
class Inception(PublishedNetwork):
    """`inception`: 2048 features, the averages of the last maps, and 1008 logits without the bias of the last layer,
    from which torch-fidelity (and OpenAI's program before it) make the Inception score.

    Attributes:
        weights: as in `PublishedNetwork`, in torch-fidelity's form.
        arithmetic: of the convolutions; float32 gives torch-fidelity's features, bfloat16 others, faster. Averages and
            logits are float32 in both.
    """

    arithmetic: Literal["float32", "bfloat16"]
    name: ClassVar[str] = "inception"
    classes: ClassVar[int] = 1008
    published: ClassVar[Published] = PUBLISHED

    def identity(self) -> dict[str, Any]:
        """What determines the features."""
        return {
            "name": "inception",
            "weights": self.published.sha256 if self.weights is None else cache.file_digest(self.path),
            "resize": "bilinear as TensorFlow 1, to 299×299",
            "range": "(levels - 128) / 128",
            "grey": "repeated to RGB",
            "layer": "average of the last maps, 2048; logits without bias, 1008",
            "arithmetic": self.arithmetic,
        }

    def make(self, state: dict[str, Tensor]) -> nn.Module:
        """torch-fidelity's network, rearranged."""
        dtype = torch.float32 if self.arithmetic == "float32" else torch.bfloat16
        return InceptionNetwork(torch_fidelitys(state), dtype=dtype)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Features (batch, 2048) and logits (batch, 1008)."""
        features, logits = self.network(images)
        return features, logits


class InceptionNetwork(nn.Module):
    """torch-fidelity's network, rearranged for speed.

    Args:
        original: with its weights, `FeatureExtractorInceptionV3`; taken apart.
        dtype: of the convolutions.

    Shape:
        uint8 (B, 1 or 3, H, W) → features (B, 2048), logits without bias (B, 1008), float32.
    """

    bias: Tensor

    def __init__(self, original: nn.Module, *, dtype: torch.dtype) -> None:
        super().__init__()
        for layer in list(original.modules()):
            conv, norm = getattr(layer, "conv", None), getattr(layer, "bn", None)
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                layer.add_module("conv", nn.utils.fuse_conv_bn_eval(conv, norm))
                layer.add_module("bn", nn.Identity())
        self.trunk = nn.Sequential(*(original.get_submodule(name) for name in LAYERS))
        self.trunk.to(dtype).to(memory_format=torch.channels_last)
        head = original.get_submodule("fc")
        self.register_buffer("weight", head.get_parameter("weight").detach())
        self.register_buffer("bias", head.get_parameter("bias").detach())
        self.dtype = dtype
        self.eval()

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Features and logits."""
        x = resized(images.float(), SIDE).sub_(128).div_(128)
        x = as_rgb(x).to(dtype=self.dtype, memory_format=torch.channels_last)
        maps = self.trunk(x)  # (B, 2048, 8, 8)
        features = maps.float().mean((2, 3))
        return features, features @ self.weight.T


def resized(images: Tensor, side: int) -> Tensor:
    """Float32 images (B, C, H, W) at side × side, as TensorFlow 1 resized: pixel i of the result is at i·H/side of the
    image, between the two pixels around that place."""
    for dim in (3, 2):
        length = images.shape[dim]
        place = torch.arange(side, dtype=torch.float32, device=images.device)
        place *= torch.tensor(length / side, dtype=torch.float32)
        low = place.long()
        share = place - low
        if dim == 2:
            share = share[:, None]
        lower, upper = (images.index_select(dim, index.clamp_max(length - 1)) for index in (low, low + 1))
        images = (upper - lower).mul_(share).add_(lower)
    return images


def torch_fidelitys(state: dict[str, Tensor]) -> nn.Module:
    """torch-fidelity's own network with these weights: uint8 (B, 3, H, W) → features (B, 2048), logits without bias (B,
    1008), float32.

    Raises:
        RuntimeError: they are none of this network.
    """
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    tensors_only = io.BytesIO()  # torch-fidelity would execute what a file says
    torch.save(state, tensors_only)
    tensors_only.seek(0)
    return FeatureExtractorInceptionV3(
        "inception", ["2048", "logits_unbiased"], feature_extractor_weights_path=tensors_only
    )
