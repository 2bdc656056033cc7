"""Somebody's samples as files, scored: what can be read, and what is refused."""

import json

import numpy as np
import pytest
from PIL import Image

from kantor import files
from kantor.data.shapes5 import PurdueShapes5
from kantor.errors import UserError
from kantor.sample_files import read_pictures, read_samples, write_samples

SIZES = [("data.size", 60), ("evaluation.n", 20), ("evaluation.draws", 2), ("evaluation.threads", 1)]


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    """60 rendered pictures, uint8 (60, 64, 64, 3): a data set's own, as somebody's samples."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KANTOR_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield data().load("train").pixels.transpose(0, 2, 3, 1)


def data(size=60):
    return PurdueShapes5(
        name="purdue_shapes5", batch_size=4, size=size, flip=False, resident=False, identity="auto", seed=0,
        render_seed=0, archive=None,
    )  # fmt: skip


@pytest.fixture
def write(tmp_path, shapes):
    def write(name, samples=shapes):
        write_samples(samples, tmp_path / name)
        return tmp_path / name

    return write


def test_a_directory_and_an_npz_file_of_the_same_pictures_get_the_same_card(write, shapes, tmp_path):
    scores = {}
    for name in ("theirs.npz", "theirs"):
        given = {"images": str(write(name)), "data": "purdue_shapes5", "out": str(tmp_path / f"card of {name}")}
        card = files.evaluate_files(given, SIZES)
        assert json.loads((tmp_path / f"card of {name}" / "card.json").read_text()) == card
        (evaluation,) = card["evaluations"]
        assert evaluation["name"] == "quick" and evaluation["draw"]["draws"] == 2
        assert evaluation["sampling"] == {"weights": "file", "checkpoint": name, "sampler": "file", "nfe": None}
        scores[name] = evaluation["scores"]
    assert scores["theirs.npz"] == scores["theirs"]
    assert scores["theirs"]["precision"]["value"] > 0.5


def test_pictures_come_back_as_they_were_written_in_the_order_of_names(write, shapes):
    for name in ("theirs.npz", "theirs"):
        assert np.array_equal(read_samples(write(name), data(), 60), shapes.transpose(0, 3, 1, 2))
        assert np.array_equal(read_samples(write(name), data(), 7), shapes[:7].transpose(0, 3, 1, 2))


def test_a_grey_data_set_reads_grey_pictures(tmp_path):
    grey = np.random.default_rng(0).integers(256, size=(3, 28, 28, 1), dtype=np.uint8)
    write_samples(grey, tmp_path / "grey")
    assert np.array_equal(read_pictures(tmp_path / "grey", channels=1, side=28, most=3), grey.transpose(0, 3, 1, 2))


@pytest.mark.parametrize(
    ("samples", "given"),
    [
        (np.zeros((4, 64, 64, 3), np.float32), "float32"),
        (np.zeros((4, 3, 64, 64), np.uint8), r"\(4, 3, 64, 64\)"),
        (np.zeros((4, 32, 32, 3), np.uint8), r"\(4, 32, 32, 3\)"),
        (np.zeros((4, 64, 64, 1), np.uint8), r"\(4, 64, 64, 1\)"),
        (np.zeros((4, 2), np.float32), r"\(4, 2\)"),
    ],
)
def test_arrays_of_another_kind_are_refused(tmp_path, samples, given):
    np.savez(tmp_path / "x.npz", samples=samples)
    with pytest.raises(UserError, match=given + r".*\(N, 64, 64, 3\), uint8"):
        read_samples(tmp_path / "x.npz", data(), 4)


def test_files_that_are_none_are_refused(tmp_path, write):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="there is no picture in it"):
        read_samples(tmp_path / "empty", data(), 4)
    with pytest.raises(UserError, match="there is no such file"):
        read_samples(tmp_path / "nowhere.npz", data(), 4)
    (tmp_path / "torn.npz").write_bytes(write("whole.npz").read_bytes()[:3000])
    with pytest.raises(UserError, match="cannot be read"):
        read_samples(tmp_path / "torn.npz", data(), 4)
    np.savez(tmp_path / "other.npz", images=np.zeros(3))
    with pytest.raises(UserError, match="no array `samples`"):
        read_samples(tmp_path / "other.npz", data(), 4)


def test_a_picture_of_another_size_or_a_broken_one_is_named(tmp_path, write):
    place = write("theirs")
    Image.new("RGB", (63, 64)).save(place / "00003.png")
    with pytest.raises(UserError, match=r"00003\.png: 63 × 64 pixels; expected a whole picture of 64 × 64"):
        read_samples(place, data(), 60)
    (place / "00003.png").write_bytes((place / "00004.png").read_bytes()[:200])
    with pytest.raises(UserError, match=r"00003\.png"):
        read_samples(place, data(), 60)


def test_too_few_pictures_and_an_evaluation_of_points_are_refused_before_a_card_is_begun(write, tmp_path):
    given = {"images": str(write("theirs.npz")), "data": "purdue_shapes5", "out": str(tmp_path / "card")}
    with pytest.raises(UserError, match=r"there are 60 samples, one draw takes evaluation.n=300"):
        files.evaluate_files(given, [("data.size", 1000), ("evaluation.n", 300)])
    with pytest.raises(UserError, match="pictures"):
        files.evaluate_files({**given, "evaluation": "toy"}, [])
    assert not (tmp_path / "card").exists()
