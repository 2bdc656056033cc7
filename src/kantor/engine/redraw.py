"""`kantor sample like=PICTURE`: a given picture drawn anew, where a mask is white, from a level of noise, or both."""

from dataclasses import dataclass

import torch
from torch import Tensor

from kantor.data import pixels
from kantor.data.decode import BrokenImage, ExactDecoder
from kantor.data.images import ImageData
from kantor.data.manifest import MAX_BYTES
from kantor.engine.assembly import Assembly
from kantor.errors import UserError
from kantor.models.protocols import HasDenoiser
from kantor.paths import path_of
from kantor.plain_files import Unreadable, read
from kantor.samplers.base import DenoisingSampler
from kantor.samplers.inpainting import Redrawing


@dataclass(frozen=True, kw_only=True)
class Likeness:
    """A picture of which variants are drawn.

    Attributes:
        like: its file.
        mask: that of another, white where the picture is drawn anew and black where it stays; None for everywhere.
        strength: how much noise is put on it, a time on the path; None for nothing but noise, where there is a mask.
    """

    like: str
    mask: str | None
    strength: float | None

    @classmethod
    def given(cls, *, like: str | None, mask: str | None, strength: float | None) -> "Likeness | None":
        """What was asked for; None for nothing of the kind.

        Raises:
            UserError: something is missing.
        """
        if like is not None:
            if mask is None and strength is None:
                raise UserError(
                    f"like={like}: expected mask=PICTURE, white where it is drawn anew, or strength=0.6, how much "
                    "noise is put on it, or both"
                )
            return cls(like=like, mask=mask, strength=strength)
        for key, value in (("mask", mask), ("strength", strength)):
            if value is not None:
                raise UserError(f"{key}={value}: it says how a picture is drawn anew; name the picture, like=PICTURE")
        return None

    def sampler(self, run: Assembly) -> Redrawing:
        """How a run draws it.

        Raises:
            UserError: the run cannot do that, or a file is no such picture.
        """
        if not (isinstance(run.model, HasDenoiser) and isinstance(run.sampler, DenoisingSampler)):
            raise UserError(
                f"like={self.like}: a {type(run.model).__name__} draws from nothing but noise; name a run of a "
                "denoising model"
            )
        if not isinstance(run.data, ImageData):
            raise UserError(f"like={self.like}: the run draws points; leave it out, or name a run of pictures")
        channels, side, _ = run.data.sample_shape
        drawn = None if self.mask is None else read_picture("mask", self.mask, channels=1, side=side)[0] > 127
        if drawn is not None and not drawn.any():
            raise UserError(f"mask={self.mask}: it is black everywhere; expected white where the picture is drawn anew")
        return Redrawing(
            sampler=run.sampler,
            path=run.model.path,
            sample=pixels.to_model(read_picture("like", self.like, channels=channels, side=side)),
            drawn=drawn,
            strength=1.0 if self.strength is None else self.strength,
        )


def read_picture(key: str, path: str, *, channels: int, side: int) -> Tensor:
    """A picture of exactly this size, uint8 (channels, side, side).

    Raises:
        UserError: it is none; the key is named.
    """
    decoder = ExactDecoder(image_size=side, crop=None, mode="L" if channels == 1 else "RGB", alpha="black")
    expected = f"expected a whole {'grey ' if channels == 1 else ''}picture of {side} × {side} pixels, as the data are"
    try:
        return torch.from_numpy(decoder(read(path_of(path), most=MAX_BYTES)).copy())
    except Unreadable as error:
        raise UserError(f"{key}={path}: it {error}; {expected}") from error
    except BrokenImage as error:
        raise UserError(f"{key}={path}: {error}; {expected}") from error
