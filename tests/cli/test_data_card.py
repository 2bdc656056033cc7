import functools
import re

import numpy as np
import pytest
import torch
from mirrors import configured
from PIL import Image

from kantor.data import pixels
from kantor.data.share import Share
from kantor.marks import MARK
from kantor.samples.batches import Alone, first_batch

SHOWN = 128  # pixels of a picture of 64
PITCH = SHOWN + 2  # from one picture to the next


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KANTOR_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def card(kantor):
    """The rows of a card, by title."""

    def printed(*words):
        lines = kantor("data", *words).stdout.splitlines()
        return {line[:13].strip(): line[13:] for line in lines}

    return printed


@pytest.fixture
def shapes(card, monkeypatch):
    from kantor.data import shapes5

    monkeypatch.setattr(shapes5, "TEST_SIZE", 5)
    return functools.partial(card, "purdue_shapes5")


def cells(path):
    """The pictures on a sheet of eight columns, without the gaps; what is paper through and through is none."""
    sheet = np.asarray(Image.open(path))
    assert sheet.shape[1] <= 8 * PITCH
    found = [
        sheet[y : y + SHOWN, x : x + SHOWN]
        for y in range(0, sheet.shape[0], PITCH)
        for x in range(0, sheet.shape[1], PITCH)
    ]
    return [cell for cell in found if (cell != 255).any()]


def test_a_card_of_pictures_says_what_they_are(shapes, tmp_path):
    rows = shapes("data.size=7", "out=here")
    assert list(rows) == [
        "name", "count", "split by", "shape", "labels", "enters as", "range", "mean", "deviation", "fingerprint",
        "licence", "prepared in", "picture", "first batch",
    ]  # fmt: skip
    assert rows["name"] == "purdue_shapes5"
    assert rows["count"] == "7 to train on, 5 held out"
    assert rows["shape"] == "(3, 64, 64) uint8: RGB, 64 × 64 pixels"
    assert rows["split by"] == "other seeds of the renderer"
    assert rows["labels"] == "none"
    assert re.fullmatch("[0-9a-f]{64}", rows["fingerprint"])
    assert "none needed" in rows["licence"]
    assert re.fullmatch(r"\d+\.\d s", rows["prepared in"])
    assert rows["picture"] == "here/purdue_shapes5.png" and (tmp_path / rows["picture"]).is_file()


def test_the_first_batch_is_shown_as_it_enters_the_network(shapes, tmp_path):
    """Mirrored where training mirrors; the numbers on the card are of what is scaled to [-1, 1]."""
    rows = shapes("data.size=7", "data.batch_size=5", "data.flip=true")
    data = configured("purdue_shapes5", size=7, batch_size=5, flip=True)
    batch = first_batch(data)
    block = data.blocks(Alone(), Share(0, 1)).block(0)
    assert block.mirrored.any() and not block.mirrored.all()
    expected = torch.where(block.mirrored[0, :, None, None, None], block.images[0].flip(-1), block.images[0])
    assert torch.equal(pixels.to_uint8(batch), expected)
    sheet = np.asarray(Image.open(tmp_path / rows["first batch"]))
    top, left = 8 + 3 * 20 // 2, 8  # margin and title
    for place in range(5):
        cell = sheet[top : top + SHOWN, left + place * PITCH : left + place * PITCH + SHOWN]
        assert (cell[::2, ::2] == expected[place].permute(1, 2, 0).numpy()).all()
    whole = pixels.to_model(data.train.take(np.arange(7))).double()
    assert rows["enters as"] == "float32 in [-1, 1], 5 at a time, half of them mirrored"
    assert rows["range"] == f"{whole.min():.3f} … {whole.max():.3f}"
    assert rows["mean"].split() == [f"{whole[:, channel].mean():.3f}" for channel in range(3)]
    deviations = [f"{whole[:, channel].std(correction=0):.3f}" for channel in range(3)]
    assert rows["deviation"].split() == deviations


@pytest.mark.parametrize(("size", "shown"), [(1, 1), (7, 7), (8, 8), (11, 11), (64, 64), (100, 64)])
def test_the_picture_shows_64_from_first_to_last_pixel_for_pixel(shapes, size, shown):
    """Evenly: files are often sorted by class."""
    found = cells(shapes(f"data.size={size}")["picture"])
    places = [round(place * (size - 1) / max(shown - 1, 1)) for place in range(shown)]
    assert len(set(places)) == shown and places[-1] == size - 1
    images = configured("purdue_shapes5", size=size).train.take(np.array(places)).numpy()
    assert len(found) == shown
    for cell, image in zip(found, images, strict=True):
        assert (cell[::2, ::2] == image.transpose(1, 2, 0)).all()


def test_the_fingerprint_on_the_card_is_the_data_sets(shapes):
    first, second = shapes("data.size=7"), shapes("data.size=7", "data.render_seed=1")
    assert first["fingerprint"] == configured("purdue_shapes5", size=7).fingerprint
    assert second["fingerprint"] == configured("purdue_shapes5", size=7, render_seed=1).fingerprint
    assert first["fingerprint"] != second["fingerprint"]


def test_a_card_of_a_directory_counts_its_classes(card, tmp_path):
    for level in range(30):
        (tmp_path / "photos" / f"kind {level % 3}").mkdir(parents=True, exist_ok=True)
        Image.new("L", (64, 64), level).save(tmp_path / "photos" / f"kind {level % 3}" / f"{level}.png")
    rows = card("folder", "data.root=photos", "data.mode=L")
    assert rows["count"] == "27 to train on, 3 held out"
    assert rows["labels"] == "3 classes" and rows["shape"] == "(1, 64, 64) uint8: grey, 64 × 64 pixels"
    assert "yours to know" in rows["licence"]
    assert len(cells(rows["picture"])) == 27


@pytest.mark.parametrize("name", ["folder", "celeba"])
def test_a_card_counts_broken_pictures(card, tmp_path, name):
    pictures = tmp_path / "data" / "img_align_celeba"
    pictures.mkdir(parents=True)
    for level in range(30):
        Image.new("RGB", (178, 218), (level, 0, 0)).save(pictures / f"{level}.png")
    words = [name, "data.root=data", "data.broken=skip"]
    assert "broken" not in card(*words)
    for level in (3, 4):
        (pictures / f"{level}.png").write_text(f"no picture {level}")
    rows = card(*words)
    assert rows["broken"] == "2, left out"
    assert sum(int(words.split()[0]) for words in rows["count"].split(", ")) == 28


def test_a_card_of_points_says_what_they_are(card, tmp_path):
    rows = card("gaussians8")
    assert rows["count"].startswith("endless") and rows["shape"] == "(2,) float32"
    assert rows["modes"] == "8, standard deviation 0.07072"
    assert re.fullmatch("[0-9a-f]{64}", rows["fingerprint"]) and rows["licence"] == "made by formula; no licence needed"
    assert Image.open(tmp_path / rows["picture"]).size == (600, 600)
    assert Image.open(tmp_path / rows["first batch"]).size == (600, 600)
    assert [abs(float(number)) < 0.05 for number in rows["mean"].split()] == [True, True]
    assert rows["deviation"].split()[0][:2] == "1." or rows["deviation"].split()[0][:3] == "0.9"


def test_a_card_of_points_says_classes_and_density(card):
    """The entropy of a board of 8 unit squares is log 8."""
    rows = card("checkerboard")
    assert rows["labels"] == "8 classes" and rows["entropy"].startswith("2.079 nats") and "modes" not in rows
    rows = card("unequal_gaussians")
    assert rows["labels"] == "5 classes, shares 0.4  0.25  0.2  0.1  0.05" and rows["modes"].startswith("5,")
    rows = card("line")
    assert rows["labels"] == "none" and rows["density"] == "none in the plane" and "entropy" not in rows


@pytest.mark.parametrize("out", [".", "photos", "photos/card"])
def test_a_card_among_the_data_is_refused(kantor, tmp_path, out):
    many = tmp_path if out == "." else tmp_path / "photos"
    many.mkdir(exist_ok=True)
    for level in range(6):
        Image.new("L", (8, 8), level).save(many / f"{level}.png")
    before = sorted(tmp_path.rglob("*"))
    said = kantor("data", "folder", f"data.root={many}", f"out={out}", check=2).stderr
    assert f"out={out} lies in {many}, whose pictures are data" in said
    assert sorted(tmp_path.rglob("*")) == before


def test_the_card_of_the_working_directory_is_no_data(card, tmp_path):
    """Its own picture lies below by default."""
    for level in range(10):
        Image.new("L", (8, 8), level).save(tmp_path / f"{level}.png")
    words = ["folder", "data.root=.", "data.image_size=8"]
    first, second = card(*words), card(*words)
    assert first["fingerprint"] == second["fingerprint"] and first["count"] == second["count"]
    assert second["note"] == "left out, since kantor wrote it: cache/, outputs/data/folder/"


def test_what_older_versions_left_is_no_data_either(card, tmp_path):
    """They did not mark what they wrote."""
    for level in range(10):
        Image.new("L", (8, 8), level).save(tmp_path / f"{level}.png")
    (tmp_path / "outputs" / "data" / "folder").mkdir(parents=True)
    Image.new("L", (8, 8), 77).save(tmp_path / "outputs" / "data" / "folder" / "folder.png")
    words = ["folder", "data.root=.", "data.image_size=8"]
    card(*words)
    rows = card(*words)
    assert rows["count"] == "9 to train on, 1 held out" and "outputs/data/folder/" in rows["note"]


def test_a_place_below_the_data_with_files_of_the_users_is_refused_though_it_is_the_usual_one(kantor, tmp_path):
    for level in range(10):
        Image.new("L", (8, 8), level).save(tmp_path / f"{level}.png")
    (tmp_path / "outputs" / "data" / "folder").mkdir(parents=True)
    (tmp_path / "outputs" / "data" / "folder" / "note.txt").touch()
    before = sorted(tmp_path.rglob("*"))
    said = kantor("data", "folder", "data.root=.", "data.image_size=8", check=2).stderr
    assert "out=outputs/data/folder lies in ., whose pictures are data" in said
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", ["gaussians8.png", "gaussians8_first_batch.png"])
@pytest.mark.parametrize("beside", [[], ["note.txt"]])
def test_a_picture_of_the_users_is_not_overwritten_but_one_of_ours_is(kantor, tmp_path, name, beside):
    (tmp_path / "mine").mkdir()
    Image.new("L", (8, 8), 7).save(tmp_path / "mine" / name)
    for other in beside:
        (tmp_path / "mine" / other).touch()
    before = {path: path.read_bytes() for path in (tmp_path / "mine").iterdir()}
    said = kantor("data", "gaussians8", "out=mine", check=2).stderr
    assert f"mine/{name} is there already, and does not say that kantor made it: name another directory" in said
    assert {path: path.read_bytes() for path in (tmp_path / "mine").iterdir()} == before
    (tmp_path / "mine" / name).unlink()
    for _ in range(2):
        kantor("data", "gaussians8", "out=mine")
    assert (tmp_path / "mine" / MARK).exists() == (beside == [])


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["purdue_shapes5", "data.size=0"], "size=0: expected a number above 0"),
        (
            ["purdue_shapes5", "size=3"],
            "size=3: there is no key 'size' here: expected one of out, data.*",
        ),
        (["purdue_shapes5", "size"], "expected key=value, with one of the keys out, data.*"),
        (["purdue_shapes"], "nearest: purdue_shapes5"),
        (["folder", "data.root=nowhere"], "data.root=nowhere: expected a directory of images"),
        (["folder"], "data.root has no value: give data.root=…"),
    ],
)
def test_wrong_words_are_refused_with_a_sentence(kantor, tmp_path, words, expected):
    said = kantor("data", *words, check=2).stderr
    assert expected in said and "Traceback" not in said
    assert not (tmp_path / "outputs").exists()


@pytest.mark.parametrize("name", ["gaussians8", "folder"])
def test_a_place_that_cannot_be_written_is_said(kantor, tmp_path, name):
    for level in range(10):
        (tmp_path / "photos").mkdir(exist_ok=True)
        Image.new("L", (8, 8), level).save(tmp_path / "photos" / f"{level}.png")
    (tmp_path / "file").touch()
    words = ["data.root=photos"] if name == "folder" else []
    assert "out=file: cannot write there" in kantor("data", name, *words, "out=file", check=2).stderr
