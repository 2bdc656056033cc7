"""What a classifier says of samples: is each clearly something (p(y|x) narrow), and are they of all kinds (p(y) broad)?

Both scores read logits, of which softmax makes p(y|x); the mean over samples is p(y). All arithmetic is in float64.
"""

import numpy as np
import torch
from torch import Tensor


def inception_score(logits: Tensor) -> float:
    """exp E_x KL(p(y|x) ‖ p(y)), in [1, K] (Salimans et al. 2016, arXiv:1606.03498, section 4): 1 when all samples look
    alike to the classifier, K when each is surely of one of K equally frequent classes.

    Args:
        logits: (N, K), floating.
    """
    return float(_information(logits.double().log_softmax(1)).exp())


def mode_score(real_logits: Tensor, generated_logits: Tensor) -> float:
    """exp(E_x KL(p(y|x) ‖ p(y)) - KL(p(y) ‖ p*(y))), in (0, K], with p*(y) the classes of the real data: an inception
    score that falls where the classes are not as frequent as they should be.

    The form of Xu et al. 2018 (arXiv:1806.07755). Che et al. 2017 (arXiv:1612.02136) have p*(y)
    in place of p(y) in the first term too; there p* cancels, and what is left is the inception score.

    Args:
        real_logits: (N, K), floating.
        generated_logits: (M, K), floating.
    """
    log_p = generated_logits.double().log_softmax(1)
    log_marginal, log_target = _log_mean(log_p), _log_mean(real_logits.double().log_softmax(1))
    return float((_information(log_p) - _kl(log_marginal, log_target)).exp())


def class_shares(logits: Tensor) -> np.ndarray:
    """The share of samples whose most probable class is y, (K,), adding up to 1, of logits (N, K)."""
    shares: np.ndarray = torch.bincount(logits.argmax(1), minlength=logits.shape[1]).cpu().numpy() / len(logits)
    return shares


def _information(log_p: Tensor) -> Tensor:
    """E_x KL(p(y|x) ‖ p(y)), nats, at least 0, of log p(y|x), (N, K)."""
    return _kl(log_p, _log_mean(log_p)).mean().clamp(min=0)  # rounding: -1e-17 for equal samples


def _kl(log_p: Tensor, log_q: Tensor) -> Tensor:
    """Σ p log(p/q) over the last dimension; 0 where p is."""
    return torch.where(log_p > -torch.inf, log_p.exp() * (log_p - log_q), 0).sum(-1)


def _log_mean(log_p: Tensor) -> Tensor:
    """log of the mean over samples, (K,): finite where the probabilities themselves underflow."""
    return log_p.logsumexp(0) - torch.log(torch.tensor(len(log_p), dtype=log_p.dtype, device=log_p.device))
