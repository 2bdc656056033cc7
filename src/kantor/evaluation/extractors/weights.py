"""Files of weights: the ones that ship with kantor, and the ones that are published elsewhere and fetched once.

Weights are what a score is made with, so that every file is known by the SHA-256 of its bytes.
"""

import hashlib
import os
import pickle
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import ClassVar, TypeVar

import torch
from safetensors.torch import load
from torch import Tensor, nn

from kantor.data import cache, downloads
from kantor.errors import UserError
from kantor.evaluation.extractors.base import Features, check_images, in_batches
from kantor.paths import path_of

Made = TypeVar("Made")


def shipped(name: str, sha256: str) -> dict[str, Tensor]:
    """The weights NAME.safetensors that came with kantor.

    Raises:
        UserError: they are missing or others.
    """
    file = resources.files(__package__) / "weights" / f"{name}.safetensors"
    content = file.read_bytes() if file.is_file() else b""
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise UserError(
            f"{file} is not the file that came with kantor (SHA-256 {found[:10]}…, expected {sha256[:10]}…): install "
            "kantor again"
        )
    return load(content)


@dataclass(frozen=True)
class Published:
    """A file of weights that somebody publishes.

    Attributes:
        title: what it is called in sentences.
        form: what it holds, for the sentence about a file that does not.
        url: where it is.
        sha256: of its bytes, 64 hex digits; where its makers publish no more than the first of them, these.
    """

    title: str
    form: str
    url: str
    sha256: str

    @property
    def name(self) -> str:
        """Of the file."""
        return self.url.rpartition("/")[2]

    def path(self, given: str | None = None) -> Path:
        """Where the file lies: in kantor's cache or in torch.hub's, or else downloaded into the former.

        Args:
            given: the path of a file to be taken instead, whatever is in it.

        Raises:
            UserError: it is another file, or cannot be downloaded; the message says what to do.
        """
        if given is not None:
            path = path_of(given)
            if not path.is_file():
                raise UserError(f"weights={path}: no such file; expected {self.name}, or null to have it downloaded")
            return path
        own = cache.cache_root() / "weights" / self.name
        places = (own, Path(torch.hub.get_dir()) / "checkpoints" / self.name)
        for place in places:
            if place.is_file():
                self._check(place)
                return place
            if os.path.lexists(place):
                raise UserError(
                    f"{place} is no file, or a link to none: mend it, or take it away, to have it downloaded"
                )

        def download() -> None:
            if not own.is_file():  # another process may have been first
                downloads.resumed(self.url, own, sha256=self.sha256)

        otherwise = f"get {self.name} from {self.url} on a machine with a network and put it there, or name its path"
        downloads.fetch(self.title, own.parent, download, otherwise=otherwise)
        return own

    def read(self, path: Path, make: Callable[[dict[str, Tensor]], Made]) -> Made:
        """What `make` makes of the tensors in a file like this one, of which nothing else is read.

        Raises:
            UserError: there are none, or `make` has no use for them.
        """
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
            if not isinstance(state, dict):
                raise ValueError(f"it holds a {type(state).__name__}")
            return make(state)
        except pickle.UnpicklingError as error:  # torch's own words run over a page
            raise UserError(
                f"weights={path}: no weights of {self.form}, or damaged (no file of tensors): give {self.name}"
            ) from error
        except Exception as error:  # torch's reader raises whatever a damaged file leads it into
            reason = (str(error).strip() or type(error).__name__).splitlines()[0][:120]
            raise UserError(
                f"weights={path}: no weights of {self.form}, or damaged ({reason}): give {self.name}"
            ) from error

    def _check(self, path: Path) -> None:
        found = cache.file_digest(path)
        if not found.startswith(self.sha256):
            raise UserError(
                f"{path} is not the published file (SHA-256 {found}, expected {self.sha256}): delete it, to have it "
                "downloaded again; or, if you mean other weights, name their path"
            )


@dataclass(frozen=True, kw_only=True)
class PublishedNetwork(ABC):
    """An extractor by a network whose weights somebody publishes, of pictures in RGB or made so.

    Attributes:
        weights: path of a file in their form; its SHA-256 becomes part of the identity, whatever it is. None for the
            published one: it is looked for in kantor's cache and in torch.hub's, and else downloaded.
        name: in sentences.
        published: the file.
        batch: pictures that the network sees at a time.
    """

    weights: str | None
    name: ClassVar[str]
    published: ClassVar[Published]
    batch: ClassVar[int] = 16

    @abstractmethod
    def make(self, state: dict[str, Tensor]) -> nn.Module:
        """The network with such weights.

        Raises:
            RuntimeError: they are none of this network.
        """

    @abstractmethod
    def forward(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """uint8 (batch, 1 or 3, H, W) → features (batch, d), and logits (batch, K) or None."""

    def __call__(self, images: Tensor) -> Features:
        """Of uint8 images (n, 3, H, W) or, made RGB, (n, 1, H, W).

        Raises:
            UserError: the images are no such pictures; the weights are missing or wrong, or give no finite features.
        """
        check_images(images, name=self.name, channels=(1, 3))
        self.network.to(images.device)
        return in_batches(self.forward, images, batch=self.batch, name=self.name)

    def prepare(self) -> None:
        """Load the weights, after downloading them where they are neither given nor in a cache.

        Raises:
            UserError: they are missing, damaged, or of another network.
        """
        assert self.network is not None

    @cached_property
    def path(self) -> Path:
        """Of the file.

        Raises:
            UserError: it is not there, or another one.
        """
        return self.published.path(self.weights)

    @cached_property
    def network(self) -> nn.Module:
        """The network with its weights."""
        return self.published.read(self.path, self.make)
