"""One adversarial objective of each kind, for tests of what trains with them."""

from kantor.objectives.adversarial import (
    Minimax,
    NonSaturating,
    Wasserstein,
    WassersteinClipping,
    WassersteinGradientPenalty,
)
from kantor.objectives.hinge import Hinge
from kantor.objectives.least_squares import LeastSquares
from kantor.objectives.relativistic import Relativistic

OBJECTIVES = {
    "non_saturating": NonSaturating(),
    "minimax": Minimax(),
    "wasserstein": Wasserstein(),
    "clipping": WassersteinClipping(clip=0.05, spare_normalisation=False),
    "gradient_penalty": WassersteinGradientPenalty(penalty_weight=1.0, one_sided=False),
    "hinge": Hinge(),
    "least_squares": LeastSquares(),
    "relativistic": Relativistic(gamma=1.0),
}
