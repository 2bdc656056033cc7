"""Copies: somebody's pictures that are pictures of the data set, level for level, or mirrored.

Scores of training pictures measure memory, those of held-out ones what real pictures score.
"""

from collections.abc import Sequence

import numpy as np

from kantor.data.images import ImageData, ImageSet
from kantor.data.sameness import digest
from kantor.errors import UserError
from kantor.messages import say

CHUNK = 512
"""Pictures of the data set that are in memory at once."""


def check_copies(draws: Sequence[np.ndarray], data: ImageData) -> None:
    """Say how many of the pictures to be scored, each draw uint8 (n, C, H, W), are copies, if any.

    Raises:
        UserError: all are: no model has made them.
    """
    given, copied = sum(len(draw) for draw in draws), count_copies(draws, data.train)
    if copied == given:
        raise UserError(
            f"images: all {given:,} pictures are copies of training pictures of data={data.name}, and would be scored "
            "against themselves; expected pictures that a model made: give those"
        )
    if copied:
        say(f"{copied:,} of {given:,} pictures are copies of training pictures: the scores measure memory")
    held_out = count_copies(draws, data.test)
    if held_out:
        say(f"{held_out:,} of {given:,} pictures are copies of held-out pictures, no samples of a model")


def count_copies(draws: Sequence[np.ndarray], images: ImageSet) -> int:
    """How many of the pictures of some draws, each uint8 (n, C, H, W), are among others; each time that one is
    given counts. Digests of the given ones alone are kept, and the others pass by in chunks."""
    given = [digest(picture) for draw in draws for picture in draw]
    missing = set(given)
    for start in range(0, len(images), CHUNK):
        if not missing:
            break
        chunk = images.take(np.arange(start, min(start + CHUNK, len(images)))).numpy()
        missing.difference_update(digest(picture) for picture in chunk)
    return sum(one not in missing for one in given)
