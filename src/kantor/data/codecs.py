"""Codecs: what may have lost levels when a picture was coded, asked of its content, not of its file's name.

JPEG 2000 by the reversible transform and WebP by VP8L count as lossless. Of the former nobody can see whether an
encoder left bits out; AVIF, HEIF and JPEG XL may be lossless and do not say so where it could be read.
"""

from PIL import Image

FORMATS = {"JPEG": "jpeg", "MPO": "jpeg", "AVIF": "avif", "HEIF": "heif", "JXL": "jpeg xl", "PCD": "photo cd"}
"""By Pillow's name of a format."""

TILES = {"jpeg": "jpeg", "bcn": "block compression", "BLP1": "blp", "BLP2": "blp"}
"""By Pillow's name of a decoder, in formats that wrap several."""

COMPRESSION = 259  # tags of TIFF
OFFSETS = (273, 324)  # of the first strip, of the first tile
TIFF = {
    6: "jpeg",
    7: "jpeg",
    34892: "jpeg",
    33003: "jpeg 2000",
    33005: "jpeg 2000",
    34712: "jpeg 2000",
    50002: "jpeg xl",
}
TIFF_WEBP = 50001
REVERSIBLE = 1  # the wavelet transform of JPEG 2000 without rounding


def lossy(image: Image.Image, content: bytes) -> str | None:
    """What a picture was coded by, such as "jpeg", where that may have changed its levels; None where it has not.

    Args:
        image: opened, and not loaded yet.
        content: of its file.
    """
    if image.format == "TIFF":
        return _in_tiff(image, content)
    if image.format == "WEBP":
        return "webp" if _webp_is_lossy(content) else None
    if image.format == "JPEG2000":
        return "jpeg 2000" if _is_irreversible(content) else None
    if image.format in FORMATS:
        return FORMATS[image.format]
    decoders = [tile[0] for tile in getattr(image, "tile", [])]
    return next((TILES[name] for name in decoders if name in TILES), None)


def _in_tiff(image: Image.Image, content: bytes) -> str | None:
    tags = image.tag_v2  # type: ignore[attr-defined]
    compression = tags.get(COMPRESSION)
    if compression != TIFF_WEBP:
        return TIFF.get(compression)
    places = next((tags[tag] for tag in OFFSETS if tag in tags), (0,))
    start = places[0] if isinstance(places, tuple) else places
    return "webp" if _webp_is_lossy(content[start:]) else None


def _webp_is_lossy(content: bytes) -> bool:
    """Whether the first picture is coded by VP8, or by nothing that is known."""
    at = 12  # behind RIFF, its size and WEBP
    while at + 8 <= len(content):
        name, size = content[at : at + 4], int.from_bytes(content[at + 4 : at + 8], "little")
        if name == b"VP8L":
            return False
        if name == b"VP8 ":
            return True
        at += 8 + (16 if name == b"ANMF" else size + size % 2)  # a frame's own chunks lie behind 16 bytes
    return True


def _is_irreversible(content: bytes) -> bool:
    """Whether the first marker COD names the transform that rounds, or cannot be found."""
    at = content.find(b"\xff\x4f\xff\x51") + 2  # SOC, then SIZ
    while at >= 2 and at + 14 <= len(content) and content[at] == 0xFF:
        if content[at + 1] == 0x52:
            return content[at + 13] != REVERSIBLE
        at += 2 + int.from_bytes(content[at + 2 : at + 4], "big")
    return True
