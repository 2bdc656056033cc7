"""kantor trains generative models and says, in numbers that can be trusted, how good they are.

`kantor.train(overrides=[…])` does what `kantor train` does; `kantor.load(DIR)` opens a run. Importing kantor is cheap:
torch is imported when a run needs it. A command line listens for Ctrl-C only after that: nothing else is imported here.
"""

import os
from typing import TYPE_CHECKING

from kantor.errors import UserError
from kantor.version import __version__

if TYPE_CHECKING:
    from kantor.api import Run

__all__ = ["UserError", "__version__", "load", "train"]


def load(path: str | os.PathLike[str]) -> "Run":
    """The run in a directory.

    Args:
        path: a run directory, or "latest" for the newest below outputs/.

    Raises:
        UserError: there is no run, or it cannot be read.
    """
    from kantor.locks import check_platform

    check_platform()
    from kantor.api import Run

    return Run.open(path)


def train(overrides: list[str], *, config_dirs: list[str] | None = None) -> "Run":
    """Train as `kantor train` does, and open the run.

    Args:
        overrides: `key=value` in Hydra's grammar, `experiment=NAME` among them; or `run=DIR` and a larger budget.
        config_dirs: directories with further groups, as `--config-dir`.

    Raises:
        UserError: the overrides are wrong; nothing is written.
    """
    from kantor.locks import check_platform
    from kantor.worker_ends import check_guarded

    check_platform()
    check_guarded()
    from kantor import ranks
    from kantor.api import Run
    from kantor.cli.training import trained
    from kantor.led import together
    from kantor.runs.directory import RunDirectory
    from kantor.surroundings import left_alone

    with left_alone():
        ranks.adopt()
        path = together(lambda: trained(list(overrides), config_dirs or []).path)
        return Run(RunDirectory(path))
