"""One file of random weights for Inception-v3, in the form that torch-fidelity publishes its own in.

Weights after He et al. (2015, arXiv:1502.01852), and batch normalisations that know the statistics of random pictures:
activations stay of the order of 1 in every layer, and features differ from picture to picture.
"""

from unittest import mock

import numpy as np
import torch
from torch import nn
from torch_fidelity import feature_extractor_inceptionv3
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3


def random_pictures(n, shape, seed=0):
    """uint8 (n, *shape): smooth blobs and some noise, each picture of its own contrast, as photographs are."""
    rng = np.random.default_rng(seed)
    channels, height, width = shape
    coarse = torch.from_numpy(rng.normal(0, 1, (n, channels, 5, 5)))
    smooth = nn.functional.interpolate(coarse, (height, width), mode="bicubic").numpy()
    contrast, level = rng.uniform(10, 60, (n, 1, 1, 1)), rng.uniform(70, 180, (n, 1, 1, 1))
    levels = level + contrast * smooth + rng.normal(0, 6, (n, *shape))
    return torch.from_numpy(np.clip(np.round(levels), 0, 255).astype(np.uint8))


def write(path, seed=0):
    """Write the file; takes two or three seconds."""
    with torch.random.fork_rng():
        net = _without_weights()
    randomise(net, random_pictures(8, (3, 64, 64), seed), seed)
    torch.save(net.state_dict(), path)


def randomise(net, pictures, seed=0):
    """Give an Inception-v3 that takes such pictures its random weights."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for layer in net.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if isinstance(layer, nn.BatchNorm2d):
                nn.init.uniform_(layer.weight, 0.8, 1.2)
                nn.init.uniform_(layer.bias, 0.3, 0.7)  # mostly above zero: small errors are not amplified
                layer.momentum = None  # statistics become those of the pictures below
        nn.init.normal_(net.fc.weight, 0, 0.05)
        nn.init.normal_(net.fc.bias, 0, 0.5)
    net.train()
    with torch.no_grad():
        net(pictures)


def _without_weights():
    """torch-fidelity's network before it is given weights; its constructor would download some."""
    with (
        mock.patch.object(feature_extractor_inceptionv3, "load_state_dict_from_url", return_value={}),
        mock.patch.object(FeatureExtractorInceptionV3, "load_state_dict"),
    ):
        return FeatureExtractorInceptionV3("inception", ["logits"])
