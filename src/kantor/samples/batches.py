"""Batches as they enter a network: after cropping, resizing, mirroring and scaling, drawn and in numbers."""

import io

import torch
from PIL import Image
from torch import Tensor

from kantor.data import pixels
from kantor.data.module import BlockData
from kantor.data.share import Share
from kantor.data.stream import Block
from kantor.figure_style import own_style
from kantor.report.palette import REAL
from kantor.samples import sheets

SHOWN, COLUMNS = 64, 8
TITLE = "the first batch, as it enters the network"


class Alone:
    """A model that takes one batch a step, at its first step, on the CPU."""

    steps = 0
    device = torch.device("cpu")

    def batches_per_step(self, step: int) -> int:
        """One."""
        return 1

    def batches_before(self, step: int) -> int:
        """As many as steps."""
        return step


def first_batch(data: BlockData) -> Tensor:
    """What a model sees first of prepared data, with their seed: images (B, C, H, W) in [-1, 1], or points (B, 2)."""
    block = data.on_after_batch_transfer(data.blocks(Alone(), Share(0, 1)).block(0), 0)
    assert isinstance(block, Block)
    return block.samples[0]


@own_style()
def drawn(batch: Tensor) -> Image.Image:
    """A sheet of the first images of a batch (B, C, H, W), or its points (B, 2) in the plane."""
    if batch.dim() == 2:
        return _scatter(batch)
    shown = batch[:SHOWN]
    words = TITLE if len(shown) == len(batch) else f"{TITLE}: {len(shown)} of {len(batch)}"
    sheet = sheets.tile(pixels.to_uint8(shown), COLUMNS if len(shown) >= COLUMNS else len(shown))
    return sheets.beside([sheets.titled(sheet, words)])


def _scatter(points: Tensor) -> Image.Image:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 6), dpi=100, layout="constrained")
    axes = figure.subplots()
    x, y = points.cpu().numpy().T
    axes.scatter(x, y, marker="+", s=42, linewidths=1.3, color=REAL)
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_title(TITLE, fontsize=14)
    content = io.BytesIO()
    figure.savefig(content, format="png")
    with Image.open(content, formats=["PNG"]) as picture:
        return picture.convert("RGB")


def statistics(samples: Tensor) -> list[tuple[str, str]]:
    """Range, mean and standard deviation of samples as a network sees them: of each channel of images (n, C, H, W), of
    each coordinate of points (n, 2)."""
    parts = samples.double().transpose(0, 1).flatten(1)  # (C, n·H·W)
    return [
        ("range", f"{parts.min():.3f} … {parts.max():.3f}"),
        ("mean", "  ".join(f"{value:.3f}" for value in parts.mean(1))),
        ("deviation", "  ".join(f"{value:.3f}" for value in parts.std(1, correction=0))),
    ]
