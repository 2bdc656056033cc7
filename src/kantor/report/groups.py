"""Groups of methods that cannot be told apart: the best with those that are not told apart from it, then the best that
is in no group yet with those that are not told apart from that one, and so on.

Only what was compared counts: a method that nothing was held against is in none, and neither is one that was compared
with the best of no group. A method that is told apart neither from the best of one group nor from that of the next is
in both: groups overlap, and who is in one is not shown to differ from its best, which is no proof of being equal to it.
"""

from collections.abc import Sequence

from kantor.report import units
from kantor.report.pairs import Pair


def groups_of(count: int, pairs: Sequence[Pair]) -> list[tuple[int, ...]]:
    """Of each method the groups that it is in, from 1 on; none of one that was compared with nobody.

    Args:
        count: of the methods, best first.
        pairs: of those that are ranked.
    """
    apart = {(pair.better, pair.worse) for pair in pairs if pair.told_apart}
    alike = {(pair.better, pair.worse) for pair in pairs if pair.compared and not pair.told_apart}
    leaders: list[int] = []
    for place in sorted({place for both in apart | alike for place in both}):
        if all((leader, place) in apart for leader in leaders):
            leaders.append(place)
    return [
        tuple(
            number
            for number, leader in enumerate(leaders, 1)
            if leader == place or (min(leader, place), max(leader, place)) in alike
        )
        for place in range(count)
    ]


def group_text(groups: Sequence[int]) -> str:
    """`1`, `1, 2`, or a dash."""
    return ", ".join(map(str, groups)) or units.MISSING
