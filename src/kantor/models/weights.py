"""The weights of a model, each by a name that people give: `raw`, and the moving averages that are kept of them."""

import re
from collections.abc import Mapping
from contextlib import suppress

from torch import nn

from kantor.errors import UserError, nearest
from kantor.models.ema import Averages


class Weights:
    """Some networks, with the weights that somebody asks for.

    Args:
        networks: with the weights as training leaves them.
        averages: of these networks; None where none are kept.
    """

    def __init__(self, networks: Mapping[str, nn.Module], averages: Averages | None) -> None:
        self._raw, self._averages = dict(networks), averages

    @property
    def names(self) -> tuple[str, ...]:
        """What can be asked for: `raw`, `ema` (the first average) and each average, such as `ema:0.999`."""
        averages = () if self._averages is None else self._averages.names
        return ("raw", *(("ema",) if averages else ()), *averages)

    @property
    def default(self) -> str:
        """`ema` where an average is kept, the first of several under its own name; else `raw`."""
        return self.called("raw" if self._averages is None else "ema")

    def called(self, name: str) -> str:
        """What weights are called wherever somebody reads of them: `ema` of several averages is the first's own name,
        and a number is spelled as it was kept, `ema:0.1` for `ema:0.10`.

        Raises:
            UserError: no such weights are kept.
        """
        kept, called, (kind, _, number) = self.names, name, name.partition(":")
        with suppress(ValueError):
            called = f"{kind}:{float(number)!r}"
        if called not in kept:
            what = "were not kept" if re.fullmatch(r"ema(:[\d.e-]+)?", name) else "are unknown"
            raise UserError(
                f"weights={name} {what}{nearest(name, kept)}: expected one of {', '.join(kept)}; which averages a run "
                "keeps is said when it is trained, by ema.decay=[0.999,0.9999], or by ema=power ema.widths=[0.05,0.1]"
            )
        return kept[2] if called == "ema" and len(kept) > 3 else called

    def __call__(self, name: str) -> dict[str, nn.Module]:
        """The networks with the weights called `name`, one of `names`.

        Raises:
            UserError: no such weights are kept.
        """
        name = self.called(name)
        if self._averages is None or name == "raw":
            return dict(self._raw)
        return self._averages.networks(self._averages.names[0] if name == "ema" else name)
