"""What somebody can make of a run directory who knows how kantor works, by kind; `hostile_runs` has what a broken disk,
and whoever does not know it, can."""

import io
import json
import os
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import torch
import yaml
from hostile_runs import Change, edited, outside, read
from PIL import Image
from run_files import WithoutAliases

from kantor.seals import seal_zip

OWNED = "<img src=x onerror=owned()>"
"""What a page may never hold as it is."""
CHECKPOINT = "checkpoints/last.ckpt"
GENERATOR = ("model", "generator")


def packed(run: Path, content: object, *, protocol: int = 2) -> None:
    """A sealed checkpoint of anything in the place of both that there are."""
    (run / "checkpoints" / "previous.ckpt").unlink(missing_ok=True)
    with (run / CHECKPOINT).open("w+b") as file:
        torch.save(content, file, pickle_protocol=protocol)
        seal_zip(file)


def checkpoint(change: Callable[[dict[str, Any]], object]) -> Change:
    """The checkpoint changed, and sealed again; or what the change gives in its place."""

    def changed(run: Path) -> None:
        whole = torch.load(run / CHECKPOINT, weights_only=True)
        found = change(whole)
        packed(run, whole if found is None else found)

    return changed


def entry(key: str, value: object) -> Change:
    return checkpoint(lambda whole: whole.__setitem__(key, value))


def weights(change: Callable[[torch.Tensor], object]) -> Change:
    def of_all(whole: dict[str, Any]) -> None:
        whole["state_dict"] = {name: change(tensor) for name, tensor in whole["state_dict"].items()}

    return checkpoint(of_all)


def compressed(run: Path) -> None:
    """A checkpoint whose members are packed: 256 MiB of zeros in one."""
    original, names = run / CHECKPOINT, []
    with zipfile.ZipFile(original) as archive:
        names = [(info, archive.read(info)) for info in archive.infolist()]
    (run / "checkpoints" / "previous.ckpt").unlink(missing_ok=True)
    zeros = bytes(1 << 24)
    with original.open("w+b") as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for info, content in names:
                with archive.open(info.filename, "w", force_zip64=True) as member:
                    member.write(content)
                    for _ in range(16 if info.filename.endswith("data/0") else 0):
                        member.write(zeros)
        seal_zip(file)


class Runs:
    """What a pickle calls."""

    def __reduce__(self):
        return os.system, ("touch executed",)


def pickled(run: Path) -> None:
    """A checkpoint that calls what its pickle names."""
    (run / "checkpoints" / "previous.ckpt").unlink(missing_ok=True)
    buffer = io.BytesIO()
    torch.save({}, buffer)
    with zipfile.ZipFile(buffer) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with (run / CHECKPOINT).open("w+b") as file:
        with zipfile.ZipFile(file, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, pickle.dumps(Runs()) if name.endswith("data.pkl") else content)
        seal_zip(file)


def unfinished(change: Change) -> Change:
    """The same of a run that is gone on with."""

    def changed(run: Path) -> None:
        edited("status.json", ("state",), "running")(run)
        change(run)

    return changed


CHECKPOINTS: dict[str, Change] = {
    "a list": lambda run: packed(run, [1, 2]),
    "a tensor": lambda run: packed(run, torch.zeros(3)),
    "of code": pickled,
    "compressed": compressed,
    "a terabyte": lambda run: os.truncate(run / CHECKPOINT, 1 << 40),
    "no seal": lambda run: torch.save({}, run / CHECKPOINT),
    "NaN": weights(lambda one: one * float("nan")),
    "of one number": weights(lambda one: torch.zeros(())),
    "texts": weights(lambda one: "x"),
    "nothing": weights(lambda one: None),
    "complex": weights(lambda one: torch.complex(one, one) if one.is_floating_point() else one),
    "whole numbers": weights(lambda one: one.to(torch.int8)),
    "sparse": weights(lambda one: one.to_sparse() if one.dim() else one),
    "meta": weights(lambda one: one.to("meta")),
    "expanded": weights(lambda one: torch.zeros(1).expand(1 << 44)),
    "half": weights(lambda one: one.half() if one.is_floating_point() else one),
    "quantised": weights(lambda one: torch.quantize_per_tensor(one.float(), 0.1, 0, torch.qint8) if one.dim() else one),
    "names of numbers": checkpoint(lambda whole: whole.__setitem__("state_dict", {1: torch.zeros(1)})),
    "counters of other names": entry("kantor_counters", {"steps": 40, "sample": "x", "forward": 3, "training": "x"}),
    "counters of texts": entry("kantor_counters", {"steps": "x", "images_seen": "y", "critic_steps": None}),
    "counters below 0": entry("kantor_counters", {"steps": -1, "images_seen": -1, "critic_steps": -1}),
    "counters of no limit": entry("kantor_counters", {"steps": 10**40, "images_seen": 1, "critic_steps": 1}),
    "optimizers of others": entry("optimizer_states", [{"state": {0: {}}, "param_groups": [{"params": [7]}]}] * 2),
    "other loops": entry("loops", {"fit_loop": {"state_dict": {}, "epoch_loop.state_dict": {"x": 1}}}),
    "other callbacks": entry("callbacks", {"Clock": {"seconds": "x"}, "Scores": {"best": []}, "a{b": 3}),
    "of another Lightning": entry("pytorch-lightning_version", "0.1.0\x1b]0;x\x07"),
    "a date as Lightning": entry("pytorch-lightning_version", [1]),
    "hyperparameters": entry("hyper_parameters", {"_class_path": "os.system", "x": 1}),
}
KEYS = (
    "state_dict", "kantor_counters", "optimizer_states", "lr_schedulers", "loops", "callbacks", "global_step", "epoch",
    "pytorch-lightning_version",
)  # fmt: skip
for _key in KEYS:
    CHECKPOINTS[f"no {_key}"] = checkpoint(lambda whole, key=_key: (whole.pop(key, None), None)[1])
    for _kind, _value in {"null": None, "a text": "x", "a list": [1], "a number": 7, "a mapping": {"x": [1]}}.items():
        CHECKPOINTS[f"{_key} is {_kind}"] = entry(_key, _value)


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
    "tensorboard": target("kantor.loggers.tensorboard", directory="outside/new", seed=0, experiment="x", step=0),
    "wandb": target("kantor.loggers.wandb", directory="outside/new", seed=0, experiment="x", step=0, project="x"),
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
            ("outputs",): ("outside", "/", "../../..", "\x1b]0;x\x07", "/dev/null", "x" * 4000),
            ("experiment",): ("Point_Demo_GP", "x" * 127, "-x", "a b", "é"),
            ("primary_score",): ("../x", OWNED, None, "$\\frac$"),
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

TEXTS: dict[str, str] = {
    "a path": "../../../outside/new",
    "a long path": "../" * 30 + "tmp/new",
    "HTML": OWNED,
    "a closing tag": f"</title></script></style>-->{OWNED}",
    "an attribute": f"\" onmouseover='owned()' {OWNED}",
    "a formula": '=HYPERLINK("http://x")',
    "TeX": "\\input{/etc/passwd}\\immediate\\write18{touch executed}",
    "mathematics": "$\\frac$ $\\x{",
    "a link": "[x](javascript:owned())",
    "markup": "[bold red]x[/] [link=http://x]y[/link]",
    "wide letters": "é" * 200,
    "right to left": "\u202eabc\u2066",
    "a percent": "%s %(x)s {0} {x!r}",
    "a template": "{{ 7*7 }}{% include 'x' %}",
    "nothing": "",
    "a space": " ",
    "escapes": "\x1b]8;;http://x\x07y\x1b]8;;\x07\x9b31m",
    "a zero byte": "\0",
    "a group": "\\g<1>\\1(?P<x>",
}


def each_card(run: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Every evaluation of a run, and its card."""
    for file in (run / "evaluations").glob("*.json"):
        one = json.loads(file.read_text())
        change(one)
        file.write_text(json.dumps(one))
    card = json.loads((run / "card.json").read_text())
    for one in card["evaluations"]:
        change(one)
    (run / "card.json").write_text(json.dumps(card))


def scored(text: str) -> Change:
    """Scores, settings and what is said of them, under another name."""

    def change(run: Path) -> None:
        def of(one: dict[str, Any]) -> None:
            first = next(iter(one["scores"]))
            of_it = one["scores"].pop(first)
            one["scores"][text] = {**of_it, "meaning": text, "covers": text, "source": text, "function": text}
            one["protocol"]["estimators"] |= {text: {text: text}}
            one["protocol"]["extractor"] = text
            one["sampling"] |= {"sampler": text, "weights": text, text: text}
            one["made_by"] = {"command": ["kantor", text], "kantor": {"version": text, "git": None}, "project": None}

        each_card(run, of)

    return change


def environment(text: str) -> Change:
    """What environment.json and status.json say of a run."""

    def change(run: Path) -> None:
        made = read(run, "environment.json")
        for chart in made["charts"]:
            chart |= {"title": text, "meaning": text, "good": text, "lines": {"train/critic_loss": text, text: text}}
            chart["mark"] = [1.0, text]
        made |= {"step": text, "device": text, "kantor": text, "code": {text: text}, text: text}
        made["parameters"] = {text: 3}
        (run / "environment.json").write_text(json.dumps(made))
        status = read(run, "status.json")
        status |= {"reason": text, "files": [text], "extends": text}
        for attempt in status["attempts"]:
            attempt |= {"device": text, "outcome": text, "started": text, "torch": text}
        status["counters"][text] = 3
        (run / "status.json").write_text(json.dumps(status))
        health = {"findings": [{"step": 3, "check": text, "message": text, "gone": None}]}
        (run / "health.json").write_text(json.dumps(health))

    return change


def columns(text: str) -> Change:
    """Columns of metrics.csv under other names."""

    def change(run: Path) -> None:
        first, *rows = (run / "metrics.csv").read_text().splitlines()
        quoted = text.replace('"', '""')
        names = [f'"val/{quoted}"', f'"train/{quoted}"', f'"train/{quoted}_loss"', f'"{quoted}"']
        lines = [f"{first},{','.join(names)}", *(f"{row},1,2,3,4" for row in rows)]
        (run / "metrics.csv").write_text("\n".join(lines) + "\n")

    return change


def set_in_config(text: str) -> Change:
    """A setting by which methods are named."""
    return configured((*GENERATOR, "activation"), text)


WORDS: dict[str, Change] = {
    f"{place}, {kind}": make(text)
    for place, make in {
        "scores": scored, "environment": environment, "columns": columns, "a setting": set_in_config,
    }.items()
    for kind, text in TEXTS.items()
}  # fmt: skip


def png(*chunks: tuple[bytes, bytes], side: int = 8) -> bytes:
    """A PNG with further chunks."""
    buffer = io.BytesIO()
    Image.new("RGB", (side, side)).save(buffer, format="PNG")
    whole = buffer.getvalue()
    more = b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )
    return whole[:33] + more + whole[33:]


@cache
def frames() -> bytes:
    """A GIF of many large frames, small as a file."""
    count, side = 60, 1500
    buffer = io.BytesIO()
    pictures = [Image.new("P", (side, side), index % 7) for index in range(count)]
    pictures[0].save(buffer, format="GIF", save_all=True, append_images=pictures[1:])
    return buffer.getvalue()


def named(directory: str, name: bytes, content: Callable[[], bytes] = png) -> Change:
    def change(run: Path) -> None:
        (run / directory).mkdir(exist_ok=True)
        (Path(os.fsdecode(os.fsencode(run / directory) + b"/" + name))).write_bytes(content())

    return change


def deep(directory: str, levels: int) -> Change:
    def change(run: Path) -> None:
        here = os.open(run / directory, os.O_RDONLY)
        for _ in range(levels):
            os.mkdir("a", dir_fd=here)
            inner = os.open("a", os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = inner
        os.close(here)

    return change


def hard_link(name: str) -> Change:
    def change(run: Path) -> None:
        secret = outside(run) / "kept.csv"
        if not secret.exists():
            secret.write_bytes((run / name).read_bytes())
        (run / name).unlink()
        os.link(secret, run / name)

    return change


def closed(name: str) -> Change:
    return lambda run: os.chmod(run / name, 0)


@cache
def bomb() -> bytes:
    """128 MiB of zeros, packed."""
    packer, zeros = zlib.compressobj(), bytes(1 << 20)
    return b"".join(packer.compress(zeros) for _ in range(128)) + packer.flush()


FILES: dict[str, Change] = {
    **{
        f"{place}, {kind}": named(place, name)
        for place in ("figures", "samples", "evaluations", "checkpoints", ".")
        for kind, name in {
            "HTML": f"{OWNED.replace('/', '')}.png".encode(),
            "no UTF-8": b"step_\xff\xfe.png",
            "a new line": b"a\nb.png",
            "an option": b"--help.png",
            "escapes": b"\x1b]0;x\x07.png",
            "a long name": b"x" * 250 + b".png",
            "a step of no limit": b"step_" + b"9" * 200 + b".png",
            "another digit": "step_²٣.png".encode(),
            "temporary": b".x.tmp",
            "JSON": b"--x.json",
            "NUL-like": b"con.png",
        }.items()
    },
    "a directory called temporary": lambda run: (run / "samples" / ".x.tmp").mkdir(),
    "a directory called a step": lambda run: (run / "samples" / "step_00000099").mkdir(),
    "a directory called a picture": lambda run: (run / "samples" / "step_00000099.png").mkdir(),
    "a directory called a figure": lambda run: (run / "figures" / "x.png").mkdir(),
    "a directory called an evaluation": lambda run: (run / "evaluations" / "x.json").mkdir(),
    "a directory called last.ckpt": lambda run: ((run / CHECKPOINT).unlink(), (run / CHECKPOINT).mkdir()),
    "a directory called previous.ckpt": lambda run: (
        (run / "checkpoints" / "previous.ckpt").mkdir(exist_ok=False)
        if not (run / "checkpoints" / "previous.ckpt").exists()
        else None
    ),
    "a directory called health": lambda run: (run / "health.json").mkdir(),
    "a directory called mark": lambda run: ((run / ".kantor").unlink(missing_ok=True), (run / ".kantor").mkdir()),
    "200 levels": deep("samples", 200),
    "1,500 levels": deep("samples", 1500),
    "5,000 levels": deep("checkpoints", 5000),
    "a picture with a bomb of text": named("figures", b"x.png", lambda: png((b"zTXt", b"a\0\0" + bomb()))),
    "a picture with a bomb of a profile": named("figures", b"x.png", lambda: png((b"iCCP", b"a\0\0" + bomb()))),
    "a sheet with a bomb of text": named("samples", b"step_00000040.png", lambda: png((b"zTXt", b"a\0\0" + bomb()))),
    "a sheet of many pixels": named("samples", b"step_00000040.png", lambda: png(side=4000)),
    "an animation of many frames": named("samples", b"samples.gif", frames),
    "a sheet that is an animation": named("samples", b"step_00000040.png", frames),
    "hard links": hard_link("metrics.csv"),
    "a hard link to the status": hard_link("status.json"),
    "a hard link to the lock": hard_link(".lock"),
    "an own W&B id": lambda run: ((run / "wandb").mkdir(), (run / "wandb" / "id.txt").symlink_to(outside(run) / "new")),
    **{
        f"{name} is closed": closed(name)
        for name in (
            "status.json",
            "config.yaml",
            "environment.json",
            "card.json",
            "metrics.csv",
            "evaluations",
            "checkpoints",
            "samples",
            "figures",
            CHECKPOINT,
            ".lock",
            ".",
        )
    },
}


def bound(rows: str) -> Change:
    return lambda run: (run / "metrics.csv").write_text(rows)


CSV: dict[str, Change] = {
    "many columns": bound(",".join(["steps", *map(str, range(400))]) + "\n" + ",".join(["1"] * 401) + "\n"),
    "many rows": bound("steps,seconds\n" + "1,2\n" * 1_000_000),
    "backwards": bound("steps,seconds,images_seen,val/w1\n" + "".join(f"{9 - i},1,{9 - i},{i}\n" for i in range(9))),
    "all alike": bound("steps,seconds,images_seen,val/w1\n" + "5,1,5,1e149\n5,1,5,-1e149\n" * 9),
    "tiny": bound("steps,seconds,images_seen,val/w1\n" + "5,1,5,1e-320\n6,1,6,2e-320\n" * 9),
    "underscores": bound("steps,seconds,images_seen\n5,1_0,1\n"),
    "other digits": bound("steps,seconds,images_seen\n5,٣,1\n"),
    "spaces": bound("steps,seconds,images_seen\n5, 3 ,1\n"),
    "hexadecimal": bound("steps,seconds,images_seen\n5,0x1p3,1\n"),
    "returns": bound("steps,seconds\r5,1\r\n6,2\n"),
    "a mark of byte order": bound("\ufeffsteps,seconds\n5,1\n"),
}


def of_attacks() -> dict[str, Change]:
    """All of them by kind and name."""
    found = {f"last.ckpt by design: {kind}": change for kind, change in CHECKPOINTS.items()}
    found |= {f"last.ckpt by design, gone on with: {kind}": unfinished(change) for kind, change in CHECKPOINTS.items()}
    found |= {f"config.yaml by design: {kind}": change for kind, change in CONFIGURED.items()}
    found |= {f"texts by design: {kind}": change for kind, change in WORDS.items()}
    found |= {f"files by design: {kind}": change for kind, change in FILES.items()}
    found |= {f"files by design, gone on with: {kind}": unfinished(change) for kind, change in FILES.items()}
    return found | {f"metrics.csv by design: {kind}": change for kind, change in CSV.items()}


DIRECTORIES = {
    "a command": "$(touch executed)", "another": "`touch executed`", "a third": "x; touch executed", "quotes": "a'b\"c",
    "spaces": "a  b", "an option": "--help", "a short one": "-m", "an equals sign": "a=b", "home": "~",
    "a comment": "#x", "percent": "%s%n", "braces": "{x}${y}", "a pattern": "[0-9]*?", "HTML": OWNED,
    "a new line": "a\nb",
    "escapes": "\x1b]0;x\x07", "long": "x" * 250, "latest": "latest", "markup": "[red]x[/red]", "comma": "a,b",
    "backslash": "a\\b", "of other letters": "é漢😀", "right to left": "\u202ex", "a colon": "a:b",
    "no UTF-8": "\udcff",
}  # fmt: skip
"""Names of a run's directory."""
