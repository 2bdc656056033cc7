"""How figures begin to look: as matplotlib draws them by itself."""

import contextlib
from collections.abc import Iterator


@contextlib.contextmanager
def own_style() -> Iterator[None]:
    """Figures that no matplotlibrc and no notebook changes, nor ends by asking for LaTeX; what was set comes back."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        yield
