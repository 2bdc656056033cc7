"""Colour profiles (ICC): what the levels of a picture mean, applied, so that all pictures are in sRGB."""

import io

from PIL import Image, ImageCms

SPACES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
"""Pillow's mode by a profile's colour space."""
GAMMA, TOLERANCE = 1 / 2.2, 0.01  # what sRGB nearly has
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
        profile = ImageCms.ImageCmsProfile(io.BytesIO(content))
        name = _shown(ImageCms.getProfileDescription(profile))
        if "srgb" in name.lower():
            return image, None
        return _applied(image, profile), f"are converted from {name} to sRGB"
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return image, "have a colour profile that cannot be applied, and is ignored"


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
