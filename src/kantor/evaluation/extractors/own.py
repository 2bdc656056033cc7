"""The extractor that belongs to a data set.

A data set of pictures that a classifier of kantor's knows names it in `ImageData.own_extractor`; everybody who scores
that data set with `Own` uses it, and downloads nothing.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from kantor.config import targets
from kantor.data.images import ImageData
from kantor.digests import canonical
from kantor.evaluation.extractors.base import Extractor

KEY = "own_extractor"


@dataclass(frozen=True)
class Own:
    """The data set's own extractor where it has one.

    Attributes:
        otherwise: for data sets that have none.
    """

    otherwise: Extractor

    def of(self, data: ImageData) -> Extractor:
        """The extractor for a data set."""
        node = data.own_extractor
        return self.otherwise if node is None else _made(canonical(node), targets.locate(node["_target_"], key=KEY))


@cache
def _made(node: str, target: Callable[..., Any]) -> Extractor:
    """Of a node as JSON: made once in a process, so that its weights are loaded once; again where its class is another,
    as one is that a notebook has reloaded."""
    found: Extractor = targets.instantiate(json.loads(node), key=KEY)
    return found


def chosen(extractor: Extractor | Own, data: ImageData) -> Extractor:
    """The extractor that a configuration names, once the data are known."""
    return extractor.of(data) if isinstance(extractor, Own) else extractor
