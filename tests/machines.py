"""Boltzmann machines small enough that all their states can be counted, by other means than kantor's."""

import itertools

import torch

from kantor.nets.rbm import RBM


def machine(seed, visible=4, hidden=3, deviation=1.0, like=RBM):
    """One with random weights and biases."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made = like(visible=visible, hidden=hidden, deviation=deviation)
        with torch.no_grad():
            made.visible_bias.normal_()
            made.hidden_bias.normal_()
    return made


def states(bits):
    """All of them, float32 (2^bits, bits)."""
    return torch.tensor(list(itertools.product([0.0, 1.0], repeat=bits)))


def joint(made):
    """The probabilities of all states, float64 (2^visible, 2^hidden): e^{a·v + b·h + h·Wv}/Z, term by term."""
    weight, a, b = (tensor.detach().double() for tensor in (made.weight, made.visible_bias, made.hidden_bias))
    v, h = states(made.visible).double(), states(made.hidden).double()
    exponents = (v @ a)[:, None] + (h @ b)[None] + v @ weight.T @ h.T
    return (exponents - exponents.flatten().logsumexp(0)).exp()


def log_z(made):
    """Of all states of both layers."""
    weight, a, b = (tensor.detach().double() for tensor in (made.weight, made.visible_bias, made.hidden_bias))
    v, h = states(made.visible).double(), states(made.hidden).double()
    return float(((v @ a)[:, None] + (h @ b)[None] + v @ weight.T @ h.T).flatten().logsumexp(0))
