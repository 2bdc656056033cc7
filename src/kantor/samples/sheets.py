"""A sheet: small images side by side on white, each pixel enlarged by a whole factor, with a line of words on top."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

READABLE = 84  # pixels that an image should have on a sheet, at least: 28 → 3 · 28, 64 → 2 · 64
GAP = 2  # between images
MARGIN = 8  # around a sheet
TEXT, SMALLEST = 20, 8  # height of a letter, with the others around it
INK, PAPER = 27, 255

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


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
    return _below([(0.0, words)], sheet, _fitting([words], sheet.width), anchor="lm")


def headed(sheet: Image.Image, headings: Sequence[str]) -> Image.Image:
    """A sheet with a heading in the middle above each of its columns, which are of one width."""
    column = sheet.width / len(headings)
    middles = [((index + 0.5) * column, words) for index, words in enumerate(headings)]
    return _below(middles, sheet, _fitting(headings, column), anchor="mm")


def _fitting(texts: Sequence[str], width: float) -> Font:
    """The largest font in which each text is at most so many pixels wide."""
    sizes = range(TEXT, SMALLEST, -1)
    fonts = (ImageFont.load_default(size) for size in sizes)
    fits = (font for font in fonts if max(font.getlength(text) for text in texts) <= width)
    return next(fits, ImageFont.load_default(SMALLEST))


def _below(texts: Sequence[tuple[float, str]], sheet: Image.Image, font: Font, *, anchor: str) -> Image.Image:
    """A sheet below a line with texts, each at its place from left to right."""
    whole = Image.new(sheet.mode, (sheet.width, sheet.height + 3 * TEXT // 2), _grey(sheet.mode, PAPER))
    whole.paste(sheet, (0, 3 * TEXT // 2))
    for x, words in texts:
        ImageDraw.Draw(whole).text((x, TEXT * 0.65), words, fill=_grey(sheet.mode, INK), font=font, anchor=anchor)
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


def under(sheets: Sequence[Image.Image], *, gap: int = MARGIN) -> Image.Image:
    """Sheets of one mode from top to bottom, their left edges in line."""
    mode, height = sheets[0].mode, sum(sheet.height for sheet in sheets) + gap * (len(sheets) - 1)
    whole = Image.new(mode, (max(sheet.width for sheet in sheets), height), _grey(mode, PAPER))
    y = 0
    for sheet in sheets:
        whole.paste(sheet, (0, y))
        y += sheet.height + gap
    return whole


def _grey(mode: str, level: int) -> int | tuple[int, int, int]:
    return level if mode == "L" else (level, level, level)
