"""The README's picture of the demo: the samples of its three runs side by side, step by step.

`make demo`, then `python bench/demo_picture.py`: writes docs/images/demo.gif.
"""

from pathlib import Path

from PIL import Image

from kantor.callbacks.pictures import write_animation
from kantor.samples.sheets import beside, titled

RUNS = {
    "point_demo_gp": "a critic with gradient penalty",
    "point_demo_clip": "a critic with clipped weights",
    "point_demo_flow": "no critic: flow matching",
}
CROP, SIZE = (0, 0, 570, 600), (256, 269)
"""Without the bar of heights, which the flow has not."""

ROOT = Path(__file__).parents[1]


def frames(outputs: Path) -> list[Image.Image]:
    """One picture for each step that all three have drawn."""
    drawn = []
    for name in RUNS:
        (run,) = (outputs / name).iterdir()
        drawn.append({path.name: path for path in (run / "samples").glob("step_*.png")})
    steps = sorted(set.intersection(*map(set, drawn)))
    rows = [[panel(paths[step], words) for paths, words in zip(drawn, RUNS.values(), strict=True)] for step in steps]
    return [beside(row, gap=8) for row in rows]


def panel(path: Path, words: str) -> Image.Image:
    """One run at one step, a third of the width of an animation."""
    with Image.open(path) as picture:
        return titled(picture.convert("RGB").crop(CROP).resize(SIZE, Image.Resampling.LANCZOS), words)


if __name__ == "__main__":
    write_animation(frames(ROOT / "outputs" / "demo"), ROOT / "docs" / "images" / "demo.gif")
