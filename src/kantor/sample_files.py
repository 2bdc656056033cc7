"""Samples as files: .npz, a picture of them, or a directory of pictures."""

import math
from pathlib import Path

import numpy as np

from kantor.errors import UserError
from kantor.rundir import replacing


def check_target(out: Path) -> None:
    """Check where samples go, before any is drawn.

    Raises:
        UserError: the ending is none that samples can be written as.
    """
    if out.suffix not in (".png", ".npz", ""):
        raise UserError(
            f"out={out}: samples are written as .npz (`samples`: float32 (N, 2) or uint8 (N, H, W, C)), drawn as .png, "
            "or, pictures, one by one into a directory (no ending); expected one of these"
        )


def write_samples(samples: np.ndarray, out: Path) -> None:
    """Write points (N, 2) or pictures, uint8 (N, H, W, C), as `out` says.

    Raises:
        UserError: it cannot be written there, or points are to become a directory of pictures.
    """
    if out.suffix == "" and samples.ndim == 2:
        raise UserError(f"out={out}: points are no pictures; expected a file that ends in .npz or .png")
    try:
        if out.suffix == "":
            _write_pictures(samples, out)
            return
        with replacing(out) as temporary:
            if out.suffix == ".npz":
                with temporary.open("wb") as handle:
                    np.savez(handle, samples=samples)
            elif samples.ndim == 2:
                _scatter(samples, temporary)
            else:
                _grid(samples, temporary)
    except (PermissionError, NotADirectoryError, FileExistsError) as error:
        raise UserError(
            f"out={out}: cannot write there ({error.strerror}); name a file in a directory you may write to"
        ) from error


def _write_pictures(samples: np.ndarray, directory: Path) -> None:
    """One PNG each: 00000.png, 00001.png, …"""
    from PIL import Image

    directory.mkdir(parents=True, exist_ok=True)
    digits = max(5, len(str(len(samples) - 1)))
    for index, picture in enumerate(samples):
        with replacing(directory / f"{index:0{digits}d}.png") as temporary:
            Image.fromarray(picture.squeeze(-1) if picture.shape[-1] == 1 else picture).save(temporary, format="PNG")


def _grid(samples: np.ndarray, path: Path) -> None:
    import torch

    from kantor.sheets import tile

    tile(torch.from_numpy(samples.transpose(0, 3, 1, 2)), columns=math.ceil(math.sqrt(len(samples)))).save(
        path, format="PNG"
    )


def _scatter(points: np.ndarray, path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 6), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.scatter(points[:, 0], points[:, 1], marker="x", s=26, linewidths=1.3, color="#0b7a3b")
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_title(f"{len(points):,} samples", fontsize=16)
    figure.savefig(path, format="png")


def read_points(path: Path) -> np.ndarray:
    """The array `samples` of an .npz file as float64 points (N, 2).

    Raises:
        UserError: the file is missing, damaged, or holds something else.
    """
    expected = "expected an .npz file with an array `samples` of shape (N, 2), finite"
    try:
        with np.load(path, allow_pickle=False) as arrays:
            points = np.asarray(arrays["samples"], dtype=np.float64)
    except FileNotFoundError as error:
        raise UserError(f"images={path}: there is no such file; {expected}") from error
    except KeyError as error:
        raise UserError(f"images={path}: it has no array `samples`; {expected}") from error
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise UserError(f"images={path}: it cannot be read as numbers; {expected}") from error
    if points.ndim != 2 or points.shape[1] != 2 or not np.isfinite(points).all():
        raise UserError(f"images={path}: `samples` has shape {points.shape}; {expected}")
    return points
