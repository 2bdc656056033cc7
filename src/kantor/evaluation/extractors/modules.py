"""Any network as an extractor; what it is, is told by its code and its weights."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from kantor import global_generators
from kantor.data import pixels
from kantor.errors import UserError, require_positive
from kantor.evaluation.extractors.base import Features, check_images, in_batches
from kantor.evaluation.extractors.digests import code_digest, state_digest
from kantor.paths import path_of
from kantor.plain_files import Unreadable, opened

RANGES: dict[str, Callable[[Tensor], Tensor]] = {
    "levels": lambda images: images.float(),
    "unit": lambda images: images.float() / 255,
    "symmetric": pixels.to_model,
}
"""uint8 images as float32 in [0, 255], [0, 1] or [-1, 1]."""


@dataclass(frozen=True, kw_only=True)
class Module:
    """The output of a network in evaluation, (B, d), or its outputs (features (B, d), logits (B, K)).

    Attributes:
        classes: K, of a network that gives logits of classes too; None of one that gives none.
        module: takes float32 images (B, C, H, W) of the size that the data have.
        weights: path of a .safetensors file with its state; None when it has made or loaded its weights itself. Where
            these are random, the identity is another at each start, and no score can be compared.
        range: what the network's images are: levels, 0 to 255; unit, 0 to 1; symmetric, -1 to 1.
        batch: pictures that it sees at a time.

    Raises:
        UserError: the batch is not positive.
    """

    module: nn.Module
    weights: str | None
    range: Literal["levels", "unit", "symmetric"]
    batch: int
    classes: int | None

    def __post_init__(self) -> None:
        require_positive(batch=self.batch)

    def __call__(self, images: Tensor) -> Features:
        """Of uint8 images (n, C, H, W).

        Raises:
            UserError: the images or the outputs are no such tensors, the network cannot take images of this size, or
                features are not finite.
        """
        check_images(images, name=self.name, channels=())
        self._network.to(images.device)
        try:
            with global_generators.keyed(0, images.device):  # equal pictures have equal features, whatever it draws
                return in_batches(self._forward, images.contiguous(), batch=self.batch, name=self.name)
        except RuntimeError as error:  # torch's word for shapes that do not fit
            reason = str(error).splitlines()[0]
            raise UserError(
                f"{self.name} cannot take pictures {tuple(images.shape[1:])} ({reason}): give it what it needs, or "
                "evaluate with another extractor"
            ) from error

    def identity(self) -> dict[str, Any]:
        """What determines the features."""
        return {
            "name": self.name,
            "code": code_digest(self._network),
            "weights": state_digest(self._network),
            "resize": "none",
            "range": self.range,
            "layer": "output",
            "arithmetic": "float32",
        }

    def prepare(self) -> None:
        """Load the weights.

        Raises:
            UserError: they are missing, damaged, or of another network.
        """
        assert self._network is not None

    @property
    def name(self) -> str:
        """The network's class."""
        return f"{type(self.module).__module__}.{type(self.module).__qualname__}"

    @cached_property
    def _network(self) -> nn.Module:
        if self.weights is not None:
            path = path_of(self.weights)
            try:
                with opened(path):  # a pipe would be waited for
                    self.module.load_state_dict(load_file(path))
            except (Unreadable, OSError, SafetensorError, RuntimeError) as error:
                reason = str(error).splitlines()[0][:120]
                raise UserError(
                    f"weights={path}: no weights of {self.name} ({reason}): give a .safetensors file with its state"
                ) from error
        return self.module.eval().requires_grad_(False)

    def _forward(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        found = self._network(RANGES[self.range](images))
        features, logits = found if isinstance(found, tuple) else (found, None)
        for part in (features, logits):
            if part is not None and (part.ndim != 2 or len(part) != len(images)):
                raise UserError(
                    f"{self.name} gives {tuple(part.shape)} for {len(images)} pictures: expected one row for each, "
                    f"({len(images)}, d); flatten or average what it gives"
                )
        given = None if logits is None else logits.shape[1]
        if self.classes is not None and given != self.classes:
            logits_given = "no logits" if given is None else f"logits of {given} classes"
            raise UserError(f"{self.name} gives {logits_given}: expected those of classes={self.classes}")
        return features, logits
