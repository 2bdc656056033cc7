"""What other libraries make of the same pictures, each with the weights of one file in its own network code."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from unittest import mock

import numpy as np
import torch
from pytorch_fid import inception as pytorch_fids
from pytorch_fid.fid_score import calculate_frechet_distance
from torch import Tensor, nn
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_isc import KEY_METRIC_ISC_MEAN, isc_features_to_metric
from torch_fidelity.metric_kid import KEY_METRIC_KID_MEAN, kid_features_to_metric
from torchmetrics.image import FrechetInceptionDistance, InceptionScore
from torchmetrics.image.fid import NoTrainInceptionV3

LAYERS = ["2048", "logits_unbiased"]


@dataclass(frozen=True)
class Peer:
    """A library.

    Attributes:
        extract: of uint8 (n, 3, H, W) the features (n, 2048) and logits (n, 1008), float32; no logits by pytorch-fid.
        statistics: of features (n, d) the mean (d,) and covariance (d, d).
        frechet_distance: of real and generated features.
        inception_score: of logits, one split.
    """

    extract: Callable[[Tensor], tuple[Tensor, Tensor | None]]
    statistics: Callable[[Tensor], tuple[Tensor, Tensor]]
    frechet_distance: Callable[[Tensor, Tensor], float]
    inception_score: Callable[[Tensor], float] | None


def torch_fidelity(path):
    net = FeatureExtractorInceptionV3("inception-v3-compat", LAYERS, feature_extractor_weights_path=str(path))

    def statistics(features):
        found = fid_features_to_statistics(features)
        return torch.from_numpy(found["mu"]), torch.from_numpy(found["sigma"])

    def frechet_distance(real, generated):
        both = fid_features_to_statistics(real), fid_features_to_statistics(generated)
        return fid_statistics_to_metric(*both, verbose=False)[KEY_METRIC_FID]

    def inception_score(logits):
        return isc_features_to_metric(logits, splits=1)[KEY_METRIC_ISC_MEAN]

    return Peer(torch.no_grad()(net), statistics, frechet_distance, inception_score)


def torch_fidelitys_kid(real, generated):
    """With one subset of all samples, of which both have equally many."""
    found = kid_features_to_metric(real, generated, kid_subsets=1, kid_subset_size=len(real), verbose=False)
    return found[KEY_METRIC_KID_MEAN]


def torchmetrics(path):
    """Its scores are given features; `test_agreement` has the whole of its FID."""
    net = NoTrainInceptionV3("inception-v3-compat", LAYERS, str(path), antialias=False)

    def metric(real, generated):
        given = nn.Identity()
        given.num_features = real.shape[1]
        fid = FrechetInceptionDistance(feature=given)
        fid.update(real, real=True)
        fid.update(generated, real=False)
        return fid

    def statistics(features):
        fid = metric(features, features)
        n, mean = fid.real_features_num_samples, fid.real_features_sum / fid.real_features_num_samples
        return mean, (fid.real_features_cov_sum - n * torch.outer(mean, mean)) / (n - 1)

    def inception_score(logits):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of memory, and of the standard deviation of one split
            score = InceptionScore(feature=nn.Identity(), splits=1)
            score.update(logits)
            return float(score.compute()[0])

    return Peer(
        torch.no_grad()(net._torch_fidelity_forward),
        statistics,
        lambda real, generated: float(metric(real, generated).compute()),
        inception_score,
    )


def pytorch_fid(path, *, tensorflows_range=False):
    """As it is, levels / 127.5 - 1; or, its own scaling switched off, in the range of TensorFlow's network that the
    weights are of, (levels - 128) / 128."""
    weights = torch.load(path, weights_only=True)
    with mock.patch.object(pytorch_fids, "load_state_dict_from_url", return_value=weights):
        net = pytorch_fids.InceptionV3(normalize_input=not tensorflows_range).eval()

    @torch.no_grad()
    def extract(images):
        (maps,) = net((images.float() - 128) / 128 if tensorflows_range else images / 255)
        return maps.flatten(1), None

    def statistics(features):
        return torch.from_numpy(features.numpy().mean(0)), torch.from_numpy(np.cov(features.numpy(), rowvar=False))

    def frechet_distance(real, generated):
        moments = [part.numpy() for features in (real, generated) for part in statistics(features)]
        return float(calculate_frechet_distance(*moments))

    return Peer(extract, statistics, frechet_distance, None)


def turned(*sets):
    """The same features in coordinates along the space that they span: distances stay, and with them FID, and matrices
    are small. At 2048 × 2048 the eigenvalues take these libraries up to half a minute, the root a whole one."""
    together = torch.cat(sets).double()
    basis = torch.linalg.qr((together - together.mean(0)).T).Q  # (d, number of features)
    return tuple(features.double() @ basis for features in sets)
