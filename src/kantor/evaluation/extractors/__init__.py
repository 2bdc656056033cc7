"""Feature extractors: the protocol, and the one that needs no weights; the others have a module each."""

from kantor.evaluation.extractors.base import Extractor, Features
from kantor.evaluation.extractors.pixels import Pixels

__all__ = ["Extractor", "Features", "Pixels"]
