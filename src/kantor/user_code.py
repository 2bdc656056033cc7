"""Code of the user's, which kantor runs and has not written: which line of it an error came from."""

import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType

OTHERS = frozenset(
    {"kantor", "hydra", "omegaconf", "antlr4", "yaml", "rich", "jinja2", "torch", "torchvision", "torchmetrics",
     "torch_fidelity", "pytorch_lightning", "lightning_fabric", "lightning_utilities", "numpy", "scipy", "ot",
     "matplotlib", "PIL", "safetensors", "wandb", "tqdm"} | sys.stdlib_module_names
)  # fmt: skip
"""Packages whose errors are not the user's: what kantor stands on."""

SENTENCES = (RuntimeError, TypeError, ValueError, IndexError, OSError)
"""Errors that say what is wrong; a KeyError says a key."""


def own_line(error: BaseException) -> str | None:
    """`mylab/nets.py, line 31, in Critic.forward`: the innermost line of the package of the user's that was entered
    first; None where an error passed through none."""
    if isinstance(error, SyntaxError) and error.filename is not None:
        return f"{_shown(Path(error.filename))}, line {error.lineno}"
    frames = [(frame, line) for frame, line in traceback.walk_tb(error.__traceback__) if _package(frame) is not None]
    if not frames:
        return None
    entered = _package(frames[0][0])
    frame, line = [one for one in frames if _package(one[0]) == entered][-1]
    return f"{_shown(Path(frame.f_code.co_filename))}, line {line}, in {frame.f_code.co_qualname}"


def place_of(function: Callable[..., object]) -> str | None:
    """`mylab/losses.py, line 12`, where a function of the user's begins; None for any other."""
    code = getattr(function, "__code__", None)
    if code is None or function.__module__.partition(".")[0] in OTHERS:
        return None
    return f"{_shown(Path(code.co_filename))}, line {code.co_firstlineno}"


def reason(error: BaseException) -> str:
    """What an error says in one line, with its kind where it says no sentence, and the user's own line."""
    first, *more = [line.strip() for line in str(error).splitlines()] or [""]
    if first.endswith(":") and more:  # as torch says what is wrong with a state
        first = f"{first} {more[0]}"
    place, kind = own_line(error), type(error).__name__
    said = first if isinstance(error, SENTENCES) and " " in first else f"{kind}: {first}".removesuffix(": ")
    return said if place is None else f"{said} ({place})"


def told(error: BaseException) -> str | None:
    """The sentence on an error that came from the user's code; None for any other."""
    return f"{reason(error)}; KANTOR_TRACEBACK=1 shows the way there" if own_line(error) is not None else None


def _package(frame: FrameType) -> str | None:
    """The user's package that a frame belongs to."""
    package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
    made_up = frame.f_code.co_filename in ("<string>", "<frozen importlib._bootstrap>")
    return None if made_up or package in OTHERS else package


def _shown(path: Path) -> Path:
    """Below the working directory as it is seen from there."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
