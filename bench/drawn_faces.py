"""Drawn faces in the layout of CelebA's official files, for machines that do not have CelebA.

    python bench/drawn_faces.py DIR [--count 3000]
    kantor train experiment=celeba_dcgan_quick data.root=DIR

`DIR/celeba/img_align_celeba.zip` holds JPEGs of 178 × 218 pixels, `list_eval_partition.txt` sends two thirds of them to
training and most others to testing. Face k depends on k alone. What models score on them says nothing of CelebA.
"""

import argparse
import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SIZE = (178, 218)
SKIN, HAIR, LIPS, WHITE = (1.0, 0.82, 0.68), (200, 150, 90), (170, 50, 60), (250, 250, 250)


def face(number: int) -> Image.Image:
    """Hair, head, eyes, mouth and nose, in places, sizes and colours drawn from the number."""
    rng = np.random.default_rng(number)
    picture = Image.new("RGB", SIZE, tuple(int(level) for level in rng.integers(30, 220, 3)))
    draw = ImageDraw.Draw(picture)
    brightness = rng.uniform(120, 240)
    skin = tuple(int(brightness * share) for share in SKIN)
    hair = tuple(int(level * rng.uniform(0.1, 0.6)) for level in HAIR)
    x, y = 89 + rng.normal(0, 3), 112 + rng.normal(0, 3)
    width, height = 42 + rng.normal(0, 4), 56 + rng.normal(0, 4)
    draw.ellipse((x - width - 12, y - height - 22, x + width + 12, y + height * rng.uniform(0.3, 1.2)), fill=hair)
    draw.ellipse((x - width, y - height, x + width, y + height), fill=skin)
    for eye in (x - 17, x + 17):
        draw.ellipse((eye - 7, y - 8, eye + 7, y), fill=WHITE)
        draw.ellipse((eye - 3, y - 7, eye + 3, y - 1), fill=tuple(int(level) for level in rng.integers(20, 120, 3)))
    opening = rng.uniform(1, 9)
    draw.ellipse((x - 15, y + 26 - opening / 2, x + 15, y + 28 + opening), fill=LIPS)
    nose = tuple(int(0.8 * level) for level in skin)
    draw.line((x, y, x - 4, y + 14, x + 3, y + 15), fill=nose, width=2)
    return picture.filter(ImageFilter.GaussianBlur(1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--count", type=int, default=3000)
    given = parser.parse_args()
    place = given.directory / "celeba"
    place.mkdir(parents=True, exist_ok=True)
    ends = [given.count * 2 / 3, given.count * 11 / 15]  # of the splits 0 and 1: training, validation
    lines = []
    with zipfile.ZipFile(place / "img_align_celeba.zip", "w") as archive:
        for number in range(1, given.count + 1):
            name, data = f"{number:06d}.jpg", io.BytesIO()
            face(number).save(data, "JPEG", quality=90)
            archive.writestr(f"img_align_celeba/{name}", data.getvalue())
            split = np.searchsorted(ends, number)
            lines.append(f"{name} {split}\n")
    (place / "list_eval_partition.txt").write_text("".join(lines))


if __name__ == "__main__":
    main()
