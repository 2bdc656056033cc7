"""Configurations of a run that a stranger made, to run code, to lead elsewhere, or to take all there is."""

from pathlib import Path
from typing import Any

import yaml
from hostile_runs import OWNED, Change, read
from run_files import WithoutAliases

GENERATOR = ("model", "generator")


def configured(place: tuple[str, ...], value: object) -> Change:
    """Another value in config.yaml, at a key that need not be there."""

    def change(run: Path) -> None:
        whole = read(run, "config.yaml")
        node = whole
        for key in place[:-1]:
            node = node.setdefault(key, {})
        node[place[-1]] = value
        (run / "config.yaml").write_text(yaml.dump(whole, Dumper=WithoutAliases))

    return change


def target(dotted: str, /, **arguments: object) -> dict[str, object]:
    return {"_target_": dotted, **arguments}


SHELL = target("os.system", command="touch executed")
ACTIVATION = (*GENERATOR, "activation")
TARGETS: dict[str, Any] = {
    "os.system": SHELL,
    "posix.system": target("posix.system", command="touch executed"),
    "builtins.eval": target("builtins.eval", source="open('executed','w')"),
    "in a list": [SHELL],
    "hidden as partial": {**SHELL, "_partial_": False},
    "partial text": {**target("torch.nn.ReLU"), "_partial_": "${oc.env:HOME}"},
    "_args_": {**target("torch.nn.ReLU"), "_args_": [SHELL]},
    "_recursive_": {**target("torch.nn.ReLU"), "_recursive_": True, "_convert_": "all"},
    "a list as target": {"_target_": ["os.system"]},
    "a mapping as target": {"_target_": {"_target_": "os.system"}},
    "a number as target": {"_target_": 3},
    "an empty target": {"_target_": ""},
    "a dot": {"_target_": "."},
    "spaces": {"_target_": " os.system"},
    "a relative module": {"_target_": "..os.system"},
    "a zero byte": {"_target_": "os\0.system"},
    "escapes": {"_target_": "os.\x1b]0;x\x07system"},
    "import by name": target("torch.nn.attention._fa3._fa3_import_module", module_path="outside.executed", attempts=1),
    "lazy import": target(
        "torch.nn.utils._deprecation_utils.lazy_deprecated_import", all=[], old_module="os", new_module="os"
    ),
    "torch.hub": target("torch.hub.load", repo_or_dir="outside", model="executed", source="local"),
    "torch.load": target("torch.load", f="outside/secret.txt", weights_only=False),
    "torch.package": target("torch.package.PackageImporter", file_or_buffer="outside/secret.txt"),
    "torch.jit": target("torch.jit.load", f="outside/secret.txt"),
    "torch.compile": target("torch.compile", backend="os.system"),
    "torch.utils": target("torch.utils.cpp_extension.load", name="x", sources=["x.cpp"]),
    "torch.classes": target("torch.classes.load_library", path="outside/x.so"),
    "torch.ops": target("torch.ops.load_library", path="outside/x.so"),
    "functional that calls": target("torch.nn.functional.triplet_margin_with_distance_loss", distance_function=SHELL),
    "a re-export": target("torch.nn.functional.importlib.import_module", name="os"),
    "dunder": target("torch.nn.Module.__init__.__globals__.update"),
    "kantor's command line": target("kantor.cli.main.main", words=["train"]),
    "kantor's writer": target("kantor.atomic.write_text", path="outside/new", text="x"),
    "kantor's import": target("kantor.nets.mlp.torch.load", f="x"),
    "tensorboard": target("kantor.tracking.event_files.TensorBoard", directory="outside/new"),
    "wandb": target("kantor.tracking.weights_and_biases.WandB", directory="outside/new", project="x"),
    "mlflow": target("kantor.tracking.mlflow_runs.MLflow", project="x", uri="sqlite:///outside/new"),
    "data": target("kantor.data.folder.ImageFolder", root="outside"),
    "an interpolation": "${oc.decode:'{_target_: os.system, command: touch executed}'}",
    "an escaped one": "\\${oc.env:HOME}",
    "a nested one": {"_target_": "torch.nn.ReLU", "inplace": "${oc.create:{_target_: os.system}}"},
    "one of a home": "${oc.env:HOME}",
    "hydra's": "${hydra:runtime.cwd}",
    "half of one": "${",
    "of an interpolated name": {"_target_": "${oc.decode:os.system}"},
    "conv2d": target("torch.nn.functional.conv2d"),
    "a loss": target("torch.nn.functional.ctc_loss"),
    "a partial loss": {**target("torch.nn.functional.ctc_loss"), "_partial_": True},
    "an initialiser": {**target("torch.nn.init.normal_"), "_partial_": True},
    "a module": target("torch.nn.Module"),
    "a recurrent layer": target("torch.nn.LSTM", input_size=3, hidden_size=3),
    "an optimizer": {**target("torch.optim.Adam"), "_partial_": True},
    "a huge layer": target("torch.nn.Linear", in_features=10**9, out_features=10**9),
    "a layer of another size": target("torch.nn.Linear", in_features=3, out_features=3),
    "a transformer": target("torch.nn.Transformer", num_encoder_layers=1, num_decoder_layers=1),
    "a pooled one": {**target("torch.nn.functional.max_pool3d", kernel_size=9), "_partial_": True},
    "a network": target("kantor.nets.mlp.MLP"),
}
CONFIGURED: dict[str, Change] = {
    **{f"activation: {kind}": configured(ACTIVATION, node) for kind, node in TARGETS.items()},
    **{f"a list, {kind}": configured((*GENERATOR, "layers"), [node]) for kind, node in list(TARGETS.items())[:6]},
    **{
        f"{group} is {kind}": configured((group,), TARGETS[kind])
        for group in (
            "data",
            "model",
            "objective",
            "optimisation",
            "ema",
            "schedule",
            "sampler",
            "stop",
            "extractor",
            "evaluation",
            "likelihood",
            "pictures",
            "logger",
        )
        for kind in ("os.system", "an interpolation", "a module", "a network", "conv2d", "tensorboard")
    },
    **{
        f"{'.'.join(place)} = {value!r:.40}": configured(place, value)
        for place, values in {
            (*GENERATOR, "width"): (10**9, 10**6, 0, -1, 10**18),
            (*GENERATOR, "depth"): (0, -1, 10**4),
            ("model", "critic", "width"): (10**9, 10**6),
            ("model", "latent_dim"): (10**9, 0, -3),
            ("trainer", "devices"): (10**5, 0, 3000),
            ("trainer", "threads"): (10**9, 0, 5000),
            ("trainer", "accelerator"): ("gpu", "mps", "tpu", "/dev/null"),
            ("trainer", "precision"): ("x", "16-mixed", "64-true"),
            ("trainer", "matmul_precision"): ("x",),
            ("trainer", "compile"): (True,),
            ("trainer", "log_every"): (10**18, 0),
            ("trainer", "callbacks"): ([SHELL],),
            ("evaluation", "n"): (10**15, 0, -1, 1),
            ("evaluation", "draws"): (10**15, 0),
            ("evaluation", "chunk"): (10**15, 0),
            ("evaluation", "seed"): (10**30, -1),
            ("evaluation", "every"): (0, 10**15),
            ("evaluation", "scores"): (["../../x"], [OWNED], "x", []),
            ("evaluation", "weights"): ("../x", "ema:nan", "ema:", OWNED),
            ("evaluation", "checkpoint"): ("../../outside/secret.txt", "/dev/zero", "generator"),
            ("evaluation", "name"): ("../../outside/new", "a/b", ".", "CON", "x" * 127),
            ("budget", "steps"): (10**18, 0, -1),
            ("budget", "minutes"): (1e308, 1e-300),
            ("seed",): (10**18, -1),
            ("outputs",): ("outside/../../..", "outside", "/", "../../..", "\x1b]0;x\x07", "/dev/null", "x" * 4000),
            ("experiment",): (
                "../../../evil",
                "..",
                "/evil",
                "a/../../evil",
                "",
                "Point_Demo_GP",
                "x" * 127,
                "-x",
                "a b",
                "é",
            ),
            ("primary_score",): ("../x", OWNED, None, "$\\frac$"),
            ("data", "root"): ("../../../evil", "~/evil"),
            ("data", "name"): ("../../outside/new", OWNED, "x" * 300),
            ("data", "batch_size"): (10**15, 0, -1, 7),
            ("data", "std"): (0, -1, 1e308),
            ("objective", "weight"): (1e149, -1),
            ("optimisation", "gradient_clip_norm"): (-1, 0, "x"),
            ("optimisation", "accumulate"): (10**9, 0),
            ("hydra",): ({"run": {"dir": "outside"}},),
            ("defaults",): ([{"experiment": "x"}],),
            ("__class__",): (SHELL,),
            ("",): (SHELL,),
            ("pictures", "every"): (0, -1, 10**18),
            ("pictures", "callbacks"): ({"x": SHELL}, {"../x": None}, [SHELL]),
            ("sampler", "guide"): ("latest", ".", "/dev/zero"),
            ("extractor", "weights"): ("/dev/zero", "outside/secret.txt"),
        }.items()
        for value in values
    },
    "data of an outside folder": configured(
        ("data",), target("kantor.data.folder.ImageFolder", name="folder", root="outside", image_size=8)
    ),
    "data of a device": configured(
        ("data",), target("kantor.data.shapes5.PurdueShapes5", name="x", archive="/dev/zero", root="/dev")
    ),
    "sixty in sixty": lambda run: (run / "config.yaml").write_text("seed: " + ":".join(["59"] * 80_000) + "\n"),
    "merged": lambda run: (run / "config.yaml").write_text(
        (run / "config.yaml").read_text() + "\n<<: {_target_: os.system}\n"
    ),
    "keys twice": lambda run: (run / "config.yaml").write_text(
        (run / "config.yaml").read_text() + "\nseed: 0\nmodel: {_target_: os.system, command: touch executed}\n"
    ),
    "tabs": lambda run: (run / "config.yaml").write_text("\t\n"),
    "a directive": lambda run: (run / "config.yaml").write_text(
        "%TAG ! tag:yaml.org,2002:python/\n---\na: !name:os.system\n"
    ),
}
