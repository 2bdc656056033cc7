"""Components: the classes and functions that a configuration may name wherever it came from.

Of kantor they are listed one by one, since beside a class of data there are functions that download and write. Of torch
they are told by rule: what computes with tensors, takes neither names nor files, and stands under a public name. So
`torch.hub`, `torch.load`, `torch.nn.utils` (which calls what it is given), `torch.nn.parallel` and whatever a module of
torch's has imported are none of them.
"""

import importlib
import inspect
from functools import cache
from types import ModuleType
from typing import Any

OF_KANTOR: dict[str, str] = {
    "callbacks.denoising_error": "DenoisingError",
    "callbacks.filters": "Filters",
    "callbacks.flow_field": "FlowField",
    "callbacks.forward_chain": "ForwardChain",
    "callbacks.grids": "Grids",
    "callbacks.interpolation": "Interpolation",
    "callbacks.latent_plane": "LatentPlane",
    "callbacks.latent_use": "LatentUse",
    "callbacks.line_distances": "LineDistances",
    "callbacks.neighbours": "Neighbours",
    "callbacks.out_of_distribution": "OutOfDistribution",
    "callbacks.points": "Points",
    "callbacks.reconstructions": "Reconstructions",
    "callbacks.reverse_chain": "ReverseChain",
    "callbacks.samples_by_steps": "SamplesBySteps",
    "callbacks.score_field": "ScoreField",
    "callbacks.side_by_side": "SideBySide",
    "callbacks.stop_at_half": "StopAtHalf",
    "callbacks.traversal": "Traversal",
    "data.bars_and_stripes": "BarsAndStripes",
    "data.celeba": "CelebA",
    "data.checkerboard": "Checkerboard Square",
    "data.cifar10": "CIFAR10",
    "data.folder": "ImageFolder",
    "data.foreign": "Foreign",
    "data.mnist": "MNIST",
    "data.module": "PointData",
    "data.moons": "Moon TwoMoons",
    "data.points": "GaussianMixture Line SwissRoll gaussians25 gaussians8 unequal_gaussians",
    "data.rings": "Rings",
    "data.shapes5": "PurdueShapes5",
    "evaluation.denoiser_likelihood": "Flow VariationalBound",
    "evaluation.extractors.classifiers": "mnist_cnn shapes_cnn",
    "evaluation.extractors.dinov2": "DINOv2",
    "evaluation.extractors.inception": "Inception",
    "evaluation.extractors.modules": "Module",
    "evaluation.extractors.own": "Own",
    "evaluation.extractors.pixels": "Pixels",
    "evaluation.extractors.torchvision_inception": "TorchvisionInception",
    "evaluation.images": "ImageEvaluation",
    "evaluation.importance": "Importance",
    "evaluation.partition": "Annealed Exact",
    "evaluation.points": "PointEvaluation",
    "models.adversarial": "Adversarial AdversarialOptimisation",
    "models.critic_steps": "Bursts Constant",
    "models.denoising": "DenoisingModel",
    "models.ema": "Exponential Power",
    "models.energy": "EnergyModel",
    "models.latent": "Normal Uniform",
    "models.optimisation": "SingleOptimisation",
    "models.schedules": "Cosine Linear Stairs WarmUp",
    "models.variational": "VariationalModel",
    "nets.activations": "ReLU dropping_leaky_relu",
    "nets.attention": "SelfAttention",
    "nets.classifiers": "digits shapes",
    "nets.conditional": "ConcatenationDiscriminator ConditionalGenerator PointDiscriminator ProjectionDiscriminator",
    "nets.confined": "Confined",
    "nets.conv_critic": "ConvCritic",
    "nets.conv_energy": "ConvEnergy",
    "nets.conv_pair": "ConvDecoder ConvEncoder",
    "nets.convolutions": "ImageCritic ImageGenerator",
    "nets.dcgan": "DCGANDiscriminator DCGANGenerator extra_layer",
    "nets.digits": "DigitCritic DigitGenerator",
    "nets.flat": "FromImages ToImages ToPixels",
    "nets.initialise": "dcgan normal zeros",
    "nets.mlp": "MLP",
    "nets.noise": "LearnedNoise",
    "nets.normalisation": "grouped",
    "nets.pooled_unet": "PooledUNet",
    "nets.rbm": "RBM",
    "nets.residual": "Added ResidualBlock ScaledAndShifted",
    "nets.shift": "Shift",
    "nets.skip_critic": "Shortcut SkipCritic",
    "nets.spectral": "spectral_normalise",
    "nets.time_embedding": "NoiseEmbedding",
    "nets.time_mlp": "TimeMLP",
    "nets.unet": "UNet",
    "noising.betas": "CosineBetas GivenBetas LinearBetas",
    "noising.bound": "gaussian",
    "noising.byte_levels": "bytes_of_gaussian",
    "noising.coupling": "Independent OptimalTransport",
    "noising.parametrisation": "Data Epsilon Karras Score V Velocity",
    "noising.path": "Chain Cosine Exploding Linear",
    "noising.times": "LogNormal Steps Stratified Uniform",
    "noising.weights": "MinSNR OfKarras OfV OfVelocity Plain Simple",
    "objectives.adversarial": "Minimax NonSaturating WassersteinClipping WassersteinGradientPenalty",
    "objectives.contrastive": "Contrastive",
    "objectives.denoising": "Denoising",
    "objectives.elbo": "ELBO IWAE Reconstruction",
    "objectives.energies": "Kept",
    "objectives.hinge": "Hinge",
    "objectives.hybrid": "Hybrid",
    "objectives.least_squares": "LeastSquares",
    "objectives.observation": "Bernoulli Categorical Gaussian",
    "objectives.relativistic": "Relativistic",
    "objectives.score_matching": "DenoisingScoreMatching SlicedScoreMatching",
    "samplers.ancestral": "Ancestral",
    "samplers.chains": "ChainSampler",
    "samplers.ddim": "DDIM",
    "samplers.direct": "Direct",
    "samplers.dpm": "DPM2M",
    "samplers.flow": "Euler Heun",
    "samplers.grids": "Leading Linspace LogSNR Rho Trailing UniformU",
    "samplers.kernels": "AdjustedLangevin Gibbs Hamiltonian NoisyDescent UnadjustedLangevin",
    "samplers.langevin": "AnnealedLangevin Langevin",
    "samplers.spaces": "Bits Box Unbounded",
    "tracking.event_files": "TensorBoard",
    "tracking.mlflow_runs": "MLflow",
    "tracking.weights_and_biases": "WandB",
}
"""Names by the module below kantor that defines them."""

FETCHING = {"kantor.evaluation.extractors.dinov2.DINOv2": "extractor=dinov2"}
"""Those that run code which is not kantor's but comes over the network, and how a user asks for them."""

CALLING = {"triplet_margin_with_distance_loss"}
"""Functions of torch.nn.functional that call what they are given."""


@cache
def of_kantor() -> frozenset[str]:
    """The dotted names of kantor's components."""
    return frozenset(f"kantor.{module}.{name}" for module, names in OF_KANTOR.items() for name in names.split())


@cache
def of_torch() -> frozenset[str]:
    """The dotted names of torch's: layers and losses, optimizers, schedulers, functions of tensors, initialisers; of a
    class its public name, and that of the module that defines it, which is how it prints itself."""
    from torch import nn, optim
    from torch.optim import lr_scheduler

    layers = {
        name: one for name, one in _classes(nn, nn.Module).items() if one.__module__.startswith("torch.nn.modules.")
    }
    functions = {
        name: one
        for name, one in _routines(nn.functional).items()
        if one.__module__ in ("torch", "torch._C._nn", "torch.nn.functional") and name not in CALLING
    }
    initialisers = {name: one for name, one in _routines(nn.init).items() if one.__module__ == "torch.nn.init"}
    return frozenset(
        [
            *_named("torch.nn", layers),
            *_named("torch.optim", _classes(optim, optim.Optimizer)),
            *_named("torch.optim.lr_scheduler", _classes(lr_scheduler, lr_scheduler.LRScheduler)),
            *(f"torch.nn.functional.{name}" for name in functions),
            *(f"torch.nn.init.{name}" for name in initialisers),
        ]
    )


def is_component(name: str) -> bool:
    """Whether a dotted name is that of a component."""
    return name in of_kantor() or (name.startswith("torch.") and name in of_torch())


def all_components() -> list[str]:
    """All dotted names, sorted."""
    return sorted(of_kantor() | of_torch())


def _public(module: ModuleType) -> dict[str, Any]:
    return {name: one for name, one in vars(module).items() if not name.startswith("_")}


def _classes(module: ModuleType, base: type) -> dict[str, type]:
    return {name: one for name, one in _public(module).items() if inspect.isclass(one) and issubclass(one, base)}


def _routines(module: ModuleType) -> dict[str, Any]:
    return {name: one for name, one in _public(module).items() if inspect.isroutine(one)}


def _named(public: str, classes: dict[str, type]) -> set[str]:
    homes = {one: one.__module__ for one in classes.values() if "._" not in one.__module__}
    defined = {f"{home}.{one.__name__}" for one, home in homes.items() if _defines(home, one)}
    return {f"{public}.{name}" for name in classes} | defined


def _defines(module: str, one: type) -> bool:
    return getattr(importlib.import_module(module), one.__name__, None) is one
