"""A run of many rows, without any training."""

from pathlib import Path

from PIL import Image
from run_files import CARD, ENVIRONMENT, STATUS, write_files

from kantor.atomic import append_rows, write_json, write_text
from kantor.runs.directory import RunDirectory

EVERY = 5


def made(path: Path, *, steps: int = 40, seed: int = 0, state: str = "finished") -> RunDirectory:
    """A run with a row every five steps, a picture every ten, two figures, an animation and a card."""
    run = write_files(path)
    attempts = [{**STATUS["attempts"][0], "started": "2030-01-01T00:00:00+00:00"}]
    write_json(run.status_json, {**STATUS, "state": state, "attempts": attempts})
    write_json(run.environment_json, {**ENVIRONMENT, "seed": seed})
    rows(run, steps)
    for step in (*range(0, steps + 1, 10),) if steps <= 100 else (0, steps):
        picture(run.samples / f"step_{step:08d}.png", step)
    picture(run.figures / "contours.png", steps)
    picture(run.samples / "samples.gif", 3)
    card = {**CARD, "seed": seed, "status": state}
    write_json(run.card_json, card)
    write_text(run.report_html, "<p>page</p>")
    return run


def rows(run: RunDirectory, steps: int) -> None:
    """metrics.csv, up to a step; a score every tenth, and one value that cannot be shown."""
    names = ["images_seen", "steps", "seconds", "train/loss", "val/w1"]
    table = [
        {"images_seen": 10 * step, "steps": step, "seconds": step / 8, "train/loss": 1 / step,
         "val/w1": ("nan" if step == 20 else step / 3) if step % 10 == 0 else ""}
        for step in range(EVERY, steps + 1, EVERY)
    ]  # fmt: skip
    append_rows(run.metrics_csv, names, table, whole=True)


def picture(path: Path, red: int) -> None:
    """Another one for each number."""
    path.parent.mkdir(exist_ok=True)
    Image.new("RGB", (3, 2), (red % 256, red // 256, 7)).save(path)
