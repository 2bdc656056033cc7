"""A sheet: small images side by side on white, each pixel enlarged by a whole factor, with a line of words on top."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

READABLE = 84  # pixels that an image should have on a sheet, at least: 28 → 3 · 28, 64 → 2 · 64
GAP = 2  # between images
MARGIN = 8  # around a sheet
TEXT = 20  # height of a letter, with the others around it
INK, PAPER = 27, 255


def tile(images: Tensor, columns: int) -> Image.Image:
    """Images row by row, enlarged until they are at least `READABLE` pixels high, thin gaps between them.

    Args:
        images: uint8 (n, C, H, W), C = 1 (grey) or 3.
        columns: images in a row.
    """
    n, channels, height, width = images.shape
    assert channels in (1, 3), images.shape
    scale = -(-READABLE // height)
    tall, wide, rows = scale * height + GAP, scale * width + GAP, -(-n // columns)
    sheet = np.full((rows * tall - GAP, columns * wide - GAP, channels), PAPER, dtype=np.uint8)
    enlarged = images.cpu().numpy().transpose(0, 2, 3, 1).repeat(scale, axis=1).repeat(scale, axis=2)
    for index, image in enumerate(enlarged):  # (H·scale, W·scale, C)
        y, x = index // columns * tall, index % columns * wide
        sheet[y : y + tall - GAP, x : x + wide - GAP] = image
    return Image.fromarray(sheet[..., 0] if channels == 1 else sheet)


def titled(sheet: Image.Image, words: str) -> Image.Image:
    """A sheet with a line of words above it; the words become smaller where the sheet is narrow."""
    font = ImageFont.load_default(TEXT)
    size = TEXT * min(1.0, sheet.width / max(font.getlength(words), 1.0))
    font = ImageFont.load_default(max(8, int(size)))
    whole = Image.new(sheet.mode, (sheet.width, sheet.height + 3 * TEXT // 2), _grey(sheet.mode, PAPER))
    whole.paste(sheet, (0, 3 * TEXT // 2))
    ImageDraw.Draw(whole).text((0, TEXT * 0.65), words, fill=_grey(sheet.mode, INK), font=font, anchor="lm")
    return whole


def beside(sheets: Sequence[Image.Image], *, gap: int = 4 * MARGIN) -> Image.Image:
    """Sheets of one mode from left to right, their tops in line, with a margin around all."""
    width = sum(sheet.width for sheet in sheets) + gap * (len(sheets) - 1)
    height = max(sheet.height for sheet in sheets)
    mode = sheets[0].mode
    whole = Image.new(mode, (width + 2 * MARGIN, height + 2 * MARGIN), _grey(mode, PAPER))
    x = MARGIN
    for sheet in sheets:
        whole.paste(sheet, (x, MARGIN))
        x += sheet.width + gap
    return whole


def _grey(mode: str, level: int) -> int | tuple[int, int, int]:
    return level if mode == "L" else (level, level, level)
