"""How figures begin to look: as matplotlib draws them by itself."""

import contextlib
from collections.abc import Iterator


@contextlib.contextmanager
def own_style(*, formulas: bool = False) -> Iterator[None]:
    """Figures that no matplotlibrc and no notebook changes, nor ends by asking for LaTeX; what was set comes back.

    Args:
        formulas: whether what stands between two dollars is one. Names and captions out of files are none.
    """
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams["text.parse_math"] = formulas
        yield
