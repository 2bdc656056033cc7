"""DINOv2 (Oquab et al. 2023, arXiv:2304.07193) as torch-fidelity uses it: the class token of a vision transformer.

Its code (from GitHub, through torch.hub, and then executed) and its weights come over the network at the first use.
Neither has a published digest that could be pinned: the identity has the SHA-256 of what was loaded.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from kantor.data import downloads
from kantor.evaluation.extractors.base import Features, as_rgb, check_images, in_batches
from kantor.evaluation.extractors.digests import code_digest, state_digest

BATCH = 16
REPOSITORY = "facebookresearch_dinov2_main"
HUB_NAMES = {f"dinov2-vit-{size}-14": f"dinov2_vit{size}14" for size in "sblg"}
"""torch.hub's name of each model of torch-fidelity's."""


@dataclass(frozen=True, kw_only=True)
class DINOv2:
    """`dinov2`: 384 (s), 768 (b), 1024 (l) or 1536 (g) features, no logits.

    Attributes:
        model: small, base, large or giant.
    """

    model: Literal["dinov2-vit-s-14", "dinov2-vit-b-14", "dinov2-vit-l-14", "dinov2-vit-g-14"]
    classes: ClassVar[None] = None

    def __call__(self, images: Tensor) -> Features:
        """Of uint8 images (n, 3, H, W) or, made RGB, (n, 1, H, W).

        Raises:
            UserError: the images are no such pictures, the network cannot be had, or features are not finite.
        """
        check_images(images, name=self.model, channels=(1, 3))
        self._network.to(images.device)
        return in_batches(self._forward, images, batch=BATCH, name=self.model)

    def identity(self) -> dict[str, Any]:
        """What determines the features.

        Raises:
            UserError: the network cannot be had.
        """
        return {
            "name": self.model,
            "code": code_digest(self._network),
            "weights": state_digest(self._network),
            "resize": "bilinear as TensorFlow 1, to 224×224",
            "range": "ImageNet's mean and standard deviation",
            "grey": "repeated to RGB",
            "layer": "class token",
            "arithmetic": "float32",
        }

    def prepare(self) -> None:
        """Load the network, after downloading it where torch.hub does not have it.

        Raises:
            UserError: it cannot be had; the message says what to do.
        """
        assert self._network is not None

    @cached_property
    def _network(self) -> nn.Module:
        from torch_fidelity.feature_extractor_dinov2 import FeatureExtractorDinoV2

        hub, name, made = Path(torch.hub.get_dir()), HUB_NAMES[self.model], []

        def load() -> None:
            made.append(FeatureExtractorDinoV2(self.model, ["dinov2"]))

        if (hub / REPOSITORY).is_dir() and (hub / "checkpoints" / f"{name}_pretrain.pth").is_file():
            load()
        else:
            command = f"python -c \"import torch; torch.hub.load('facebookresearch/dinov2', '{name}')\""
            otherwise = (
                f"torch.hub gets both its code and its weights from the network; run `{command}` on a machine that has "
                f"one, and copy its directory torch/hub to {hub}"
            )
            downloads.fetch(self.model, hub, load, otherwise=otherwise)
        return made[0]

    def _forward(self, images: Tensor) -> tuple[Tensor, None]:
        (features,) = self._network(as_rgb(images))
        return features, None
