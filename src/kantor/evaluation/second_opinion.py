"""What torch-fidelity says of pictures that kantor scores in Inception's features.

Its own network, with the same weights, sees the same uint8 pictures of both sides, and its own functions make the
scores: neither kantor's faster network nor its metrics take part.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from kantor.data.images import ImageData, ImageSet
from kantor.data.module import BlockData
from kantor.evaluation.base import Evaluation
from kantor.evaluation.extractors.base import as_rgb
from kantor.evaluation.extractors.inception import Inception, torch_fidelitys
from kantor.evaluation.extractors.own import chosen
from kantor.evaluation.images import ImageEvaluation
from kantor.numerics import full_float32, numerics
from kantor.progress_bar import ProgressBar

BATCH = 64
SUBSET = 5000
"""Most pictures in the one subset that KID is made of: its kernel matrices are held whole, and rounded to float32."""


def of_draws(draws: list[np.ndarray], evaluation: Evaluation, data: BlockData) -> dict[str, Any] | None:
    """FID, KID of one subset and Inception score of one split, means over the draws.

    Args:
        draws: the pictures that were scored, each uint8 (n, C, H, W).
        evaluation: how.
        data: the real ones.

    Returns:
        As plain containers: torch-fidelity's version, its scores under kantor's names, and a note on KID; None where
        the features are not Inception's.
    """
    if not (isinstance(evaluation, ImageEvaluation) and isinstance(data, ImageData)):
        return None
    extractor = chosen(evaluation.extractor, data)
    if not isinstance(extractor, Inception):
        return None
    import torch_fidelity

    n, reference, train = evaluation.size(data), evaluation.real(data).reference, data.train
    real_images = ImageSet(train.pixels, rows=reference if train.rows is None else train.rows[reference])
    net = extractor.published.read(extractor.path, torch_fidelitys)
    with (
        numerics(threads=evaluation.threads),
        full_float32(),
        ProgressBar("torch-fidelity", len(reference) + n * len(draws), unit="pictures") as bar,
    ):
        real, _ = _seen(net, real_images, bar)
        compare = _against(real)
        scores = [compare(*_seen(net, ImageSet(draw[:n]), bar)) for draw in draws]
    subset = min(len(reference), n, SUBSET)
    whole = subset == n == len(reference)
    return {
        "version": torch_fidelity.__version__,
        "scores": {name: float(np.mean([each[name] for each in scores])) for name in scores[0]},
        "note": "kid: one subset of all pictures, in float32" if whole else f"kid: one subset of {subset:,} pictures",
    }


def _seen(net: nn.Module, images: ImageSet, bar: ProgressBar) -> tuple[Tensor, Tensor]:
    """Features (n, 2048) and logits (n, 1008), float32."""
    parts = []
    with torch.no_grad():
        for start in range(0, len(images), BATCH):
            rows = np.arange(start, min(start + BATCH, len(images)))
            parts.append(net(as_rgb(images.take(rows))))
            bar.add(len(rows))
    features, logits = zip(*parts, strict=True)
    return torch.cat(features), torch.cat(logits)


def _against(real: Tensor) -> Callable[[Tensor, Tensor], dict[str, float]]:
    """The scores of generated features and logits against real features."""
    from torch_fidelity import metric_fid, metric_isc, metric_kid

    statistics = metric_fid.fid_features_to_statistics(real)

    def scores(features: Tensor, logits: Tensor) -> dict[str, float]:
        fid = metric_fid.fid_statistics_to_metric(
            statistics, metric_fid.fid_features_to_statistics(features), verbose=False
        )
        kid = metric_kid.kid_features_to_metric(
            real, features, kid_subsets=1, kid_subset_size=min(len(real), len(features), SUBSET), verbose=False
        )
        isc = metric_isc.isc_features_to_metric(logits, splits=1)
        return {
            "kid": kid[metric_kid.KEY_METRIC_KID_MEAN],
            "frechet_distance": fid[metric_fid.KEY_METRIC_FID],
            "inception_score": isc[metric_isc.KEY_METRIC_ISC_MEAN],
        }

    return scores
