"""Groups of methods that cannot be told apart: the best with those that are not told apart from it, then the best that
is in no group yet with those that are not told apart from that one, and so on.

A method that is told apart neither from the best of one group nor from that of the next is in both: groups overlap,
and who is in one is not shown to differ from its best, which is no proof of being equal to it.
"""

from collections.abc import Sequence

from kantor.report import units
from kantor.report.pairs import Pair


def groups_of(count: int, pairs: Sequence[Pair]) -> list[tuple[int, ...]]:
    """Of each method the groups that it is in, from 1 on; none of one that is in no pair, and none of any where no
    pair has an interval.

    Args:
        count: of the methods, best first.
        pairs: of those that are ranked.
    """
    if not any(pair.difference is not None for pair in pairs):
        return [()] * count
    apart = {(pair.better, pair.worse) for pair in pairs if pair.told_apart}
    there = sorted({place for pair in pairs for place in (pair.better, pair.worse)})
    leaders: list[int] = []
    for place in there:
        if all((leader, place) in apart for leader in leaders):
            leaders.append(place)
    return [
        tuple(
            number for number, leader in enumerate(leaders, 1) if (min(leader, place), max(leader, place)) not in apart
        )
        if place in there
        else ()
        for place in range(count)
    ]


def group_text(groups: Sequence[int]) -> str:
    """`1`, `1, 2`, or a dash."""
    return ", ".join(map(str, groups)) or units.MISSING
