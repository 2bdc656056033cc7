"""Files and directories of a run that a stranger made: names, depths, pictures, links, rights, tables."""

import io
import os
import struct
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

from hostile_checkpoints import CHECKPOINT
from hostile_runs import OWNED, Change, instead, outside
from PIL import Image


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
    **{
        f"a directory called {Path(name).name}": instead(name, Path.mkdir)
        for name in (
            ".publication.1",
            "wandb.json",
            "checkpoints/best.ckpt",
            "checkpoints/previous.ckpt",
            "checkpoints/generator.safetensors",
            "samples/samples.gif",
        )
    },
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
    "a hard link to the lock": hard_link(".lease.1"),
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
            ".lease.1",
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
