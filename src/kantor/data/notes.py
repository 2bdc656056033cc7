"""Notes: what decoding the files of a data set has shown of them, counted, for cards and sentences."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from kantor.data.decode import Decoded

DIM = 1 << 14
"""16-bit levels of a whole set that are all below are worth a question."""
BITS_8 = 255
BLACK = 3
"""Of 255: where no level of a whole set is above, it seems to have been scaled wrongly."""


@dataclass
class Notes:
    """Counts over decoded pictures.

    Attributes:
        codecs: pictures by what may have lost levels; "none" where nothing has.
        remarks: pictures by what was done to them or left out.
        deep: pictures of 16 bits.
        coloured: how many of these are of colours.
        small: how many of these hold nothing above the levels of 8 bits, and not nothing.
        largest: level of these.
        brightest: level of all pictures as they came out, of 255.
    """

    codecs: Counter[str] = field(default_factory=Counter)
    remarks: Counter[str] = field(default_factory=Counter)
    deep: int = 0
    coloured: int = 0
    small: int = 0
    largest: int = 0
    brightest: int = 0

    @classmethod
    def of(cls, decoded: Iterable[Decoded]) -> "Notes":
        """What some pictures show."""
        notes = cls()
        for one in decoded:
            notes.codecs[one.codec or "none"] += 1
            notes.remarks.update(one.remarks)
            if one.deep is not None:
                notes.deep += 1
                notes.coloured += one.coloured
                notes.small += 0 < one.deep <= BITS_8
            notes.largest = max(notes.largest, one.deep or 0)
            notes.brightest = max(notes.brightest, int(one.pixels.max()))
        return notes

    @classmethod
    def read(cls, plain: dict[str, Any]) -> "Notes":
        """From `plain()`."""
        return cls(**{**plain, "codecs": Counter(plain["codecs"]), "remarks": Counter(plain["remarks"])})

    @classmethod
    def gathered(cls, chunks: dict[str, Any]) -> "Notes":
        """Of all chunks of rows, each from `plain()`."""
        return sum(map(cls.read, chunks.values()), cls())

    def plain(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {**vars(self), "codecs": dict(self.codecs), "remarks": dict(self.remarks)}

    def __add__(self, other: "Notes") -> "Notes":
        """Of the pictures of both."""
        return Notes(
            self.codecs + other.codecs,
            self.remarks + other.remarks,
            self.deep + other.deep,
            self.coloured + other.coloured,
            self.small + other.small,
            max(self.largest, other.largest),
            max(self.brightest, other.brightest),
        )

    @property
    def codec(self) -> str:
        """What may have lost levels, all of it; "none" where nothing has."""
        return ", ".join(sorted(self.codecs.keys() - {"none"})) or "none"

    def sentences(self, *, bits: int | None = None) -> list[str]:
        """What a user may want to know, who has said how many bits files of 16 have, or has not."""
        total = self.codecs.total()
        said = [f"{count:,} of {total:,} pictures {what}" for what, count in sorted(self.remarks.items())]
        if bits is None and self.deep and self.largest < DIM:
            said.append(
                f"{self.deep:,} pictures of 16 bits hold levels up to {self.largest:,}: if they have fewer bits, say "
                "how many, data.bits=14"
            )
        if bits is None and self.small and self.largest > BITS_8:
            said.append(
                f"{self.small:,} of {self.deep:,} pictures of 16 bits hold no level above {BITS_8}, and are black: if "
                "they have 8 bits, save them with 8"
            )
        if 0 < self.brightest <= BLACK:
            said.append(f"no pixel is brighter than {self.brightest} of 255: the pictures are almost black")
        return said
