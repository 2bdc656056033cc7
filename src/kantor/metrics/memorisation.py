"""Does a generator repeat its training data? Its samples then lie nearer to them than fresh real data do.

Distances to the nearest training feature are compared between generated and held-out features by the Mann-Whitney test
(Meehan, Chaudhuri and Dasgupta 2020, arXiv:2004.05675, whose C_T is this U in standard deviations, taken in cells of
the space and averaged; here it is taken over the whole space, so that copies in one place and blur in another may
cancel).
"""

from dataclasses import dataclass

from torch import Tensor

from kantor.metrics.neighbours import nearest


@dataclass(frozen=True)
class Memorisation:
    """Whether generated features are nearer to the training data than held-out ones are.

    Attributes:
        share_nearer: how often a generated feature is nearer than a held-out one, over all pairs, an equal distance
            counting one half: 0.5 on average for a generator that draws from the law of the data, towards 1 for one
            that copies, towards 0 for one that is far from them.
        p_value: of a share as large as this where both come from one law; one-sided, in [0, 1].
    """

    share_nearer: float
    p_value: float


def memorisation(training: Tensor, held_out: Tensor, generated: Tensor) -> Memorisation:
    """Of features float64 (N, d), (H, d), (M, d); held-out data that the training data repeat hide copies.

    Any number of features: distances are taken in blocks of rows.
    """
    return compare(nearest(held_out, training), nearest(generated, training))


def compare(held_out: Tensor, generated: Tensor) -> Memorisation:
    """Of distances (H,) and (M,) from the nearest training feature, in any increasing unit such as their square."""
    from scipy.stats import mannwhitneyu  # half a second of import: only where a number is made

    further, p_value = mannwhitneyu(
        generated.cpu().numpy(), held_out.cpu().numpy(), alternative="less", method="asymptotic"
    )
    return Memorisation(1 - float(further) / (len(generated) * len(held_out)), float(p_value))
