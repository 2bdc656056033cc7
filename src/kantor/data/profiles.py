"""Colour profiles (ICC): what the levels of a picture mean, applied, so that all pictures are in sRGB."""

import functools
import io

import numpy as np
from PIL import Image, ImageCms

SPACES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
"""Pillow's mode by a profile's colour space."""
GAMMA, TOLERANCE = 1 / 2.2, 0.01  # what sRGB nearly has
CLOSE = 4
"""Of 255 levels, by how many sRGB's own profiles move one at most: they differ in tables and rounding."""
STEPS = range(0, 256, 17)
LENGTH = 40
"""Letters of a profile's name that are shown."""


def in_srgb(image: Image.Image) -> tuple[Image.Image, str | None]:
    """A picture whose embedded profile, other than sRGB's, is applied, and what was done, in words that go on "20
    pictures"; None where there was nothing to do.

    Transparency is kept. Profiles of 16-bit levels, and such as belong to another kind of picture, are not applied.
    """
    content = image.info.get("icc_profile")
    if not content:
        return image, _gamma(image)
    try:
        name, is_srgb = _told(content)
        if is_srgb:
            return image, None
        profile = ImageCms.ImageCmsProfile(io.BytesIO(content))
        return _applied(image, profile), f"are converted from {name} to sRGB"
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return image, "have a colour profile that cannot be applied, and is ignored"


@functools.lru_cache(maxsize=64)  # a set has few profiles
def _told(content: bytes) -> tuple[str, bool]:
    """A profile's name, and whether it is sRGB's by what it does: that of linear levels may have sRGB in its name.

    Raises:
        ImageCms.PyCMSError, OSError, ValueError, TypeError: it is none.
    """
    profile = ImageCms.ImageCmsProfile(io.BytesIO(content))
    name = _shown(ImageCms.getProfileDescription(profile))
    if SPACES.get(profile.profile.xcolor_space.strip()) != "RGB":
        return name, False
    colours = np.stack(np.meshgrid(STEPS, STEPS, STEPS), axis=-1).reshape(len(STEPS), -1, 3).astype(np.uint8)
    moved = np.asarray(_applied(Image.fromarray(colours), profile)).astype(int) - colours
    return name, bool(np.abs(moved).max() <= CLOSE)


def _gamma(image: Image.Image) -> str | None:
    gamma = image.info.get("gamma")
    if not isinstance(gamma, float) or "srgb" in image.info or abs(gamma - GAMMA) <= TOLERANCE:
        return None
    return f"have a gamma of {gamma:.3g}, which is ignored"


def _applied(image: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    """In RGB, or grey where the profile is of greys.

    Raises:
        ValueError, ImageCms.PyCMSError: the profile is of another kind of picture.
    """
    alpha = image.convert("RGBA").getchannel("A") if image.has_transparency_data else None
    mode = SPACES.get(profile.profile.xcolor_space.strip())
    greys = image.mode in ("1", "L", "LA", "La")
    if (
        mode is None
        or image.mode.startswith("I")
        or (mode == "CMYK") != (image.mode == "CMYK")
        or (mode == "L") > greys
    ):
        raise ValueError(f"a profile of {profile.profile.xcolor_space} in a picture of mode {image.mode}")
    flat = image.convert(mode) if image.mode != mode else image
    converted = ImageCms.profileToProfile(flat, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
    assert converted is not None
    if greys:
        converted = converted.convert("L")
    if alpha is not None:
        converted.putalpha(alpha)
    return converted


def _shown(name: str) -> str:
    """A profile's name as it can be printed: anybody may have written it."""
    plain = "".join(letter for letter in name.strip() if letter.isprintable())
    return plain[:LENGTH] or "a profile without a name"
