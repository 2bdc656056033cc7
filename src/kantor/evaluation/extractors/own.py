"""The extractor that belongs to a data set.

A data set of pictures that a classifier of kantor's knows names it in `ImageData.own_extractor`; everybody who scores
that data set with `Own` uses it, and downloads nothing.
"""

from dataclasses import dataclass

from kantor import targets
from kantor.data.images import ImageData
from kantor.evaluation.extractors.base import Extractor


@dataclass(frozen=True)
class Own:
    """The data set's own extractor where it has one.

    Attributes:
        otherwise: for data sets that have none.
    """

    otherwise: Extractor

    def of(self, data: ImageData) -> Extractor:
        """The extractor for a data set."""
        if data.own_extractor is None:
            return self.otherwise
        found: Extractor = targets.instantiate(data.own_extractor, key="own_extractor")
        return found


def chosen(extractor: Extractor | Own, data: ImageData) -> Extractor:
    """The extractor that a configuration names, once the data are known."""
    return extractor.of(data) if isinstance(extractor, Own) else extractor
