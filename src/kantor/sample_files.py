"""Samples as files: .npz, or a picture."""

from pathlib import Path

import numpy as np

from kantor.errors import UserError
from kantor.rundir import replacing


def check_target(out: Path) -> None:
    """Check where samples go, before any is drawn.

    Raises:
        UserError: the ending is none that points can be written as.
    """
    if out.suffix not in (".png", ".npz"):
        raise UserError(
            f"out={out}: points are written as .npz (`samples`, float32 (N, 2)) or drawn as .png; expected one of these"
        )


def write_samples(points: np.ndarray, out: Path) -> None:
    """Write points (N, 2) as `out` says."""
    try:
        with replacing(out) as temporary:
            if out.suffix == ".npz":
                with temporary.open("wb") as handle:
                    np.savez(handle, samples=points)
            else:
                _scatter(points, temporary)
    except (PermissionError, NotADirectoryError, FileExistsError) as error:
        raise UserError(
            f"out={out}: cannot write there ({error.strerror}); name a file in a directory you may write to"
        ) from error


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
