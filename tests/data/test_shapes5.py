import io
import json
import tracemalloc

import numpy as np
import pytest
from mirrors import configured

from kantor import keyed, seals
from kantor.data import cache, shapes, shapes5
from kantor.data.shapes5 import PurdueShapes5
from kantor.errors import UserError


@pytest.fixture(autouse=True)
def few_held_out(monkeypatch):
    monkeypatch.setattr(shapes5, "TEST_SIZE", 200)


def make(**changed):
    settings = {
        "name": "purdue_shapes5", "batch_size": 32, "size": 100, "flip": False, "resident": "auto", "identity": "auto",
        "render_seed": 0, "archive": None, "seed": 0,
    }  # fmt: skip
    return PurdueShapes5(**{**settings, **changed})


def pictures(data, split="train"):
    return np.asarray(data.load(split).pixels)


def test_the_configuration_builds():
    data = configured("purdue_shapes5")
    assert isinstance(data, PurdueShapes5)
    assert (data.size, data.batch_size, data.sample_shape) == (20_000, 32, (3, 64, 64))


def test_splits_have_the_sizes_asked_for():
    data = make(size=130)
    assert len(data.train) == 130 and len(data.test) == 200
    assert data.train.pixels.shape == (130, 3, 64, 64) and data.train.rows is None
    assert data.train.labels is None


def test_the_size_changes_no_image():
    assert (pictures(make(size=700))[:100] == pictures(make(size=100))).all()


def test_neither_the_runs_seed_nor_the_cores_change_an_image(monkeypatch, tmp_path):
    first = pictures(make(size=600))
    for cores, slice_, seed in ((1, 64, 1), (3, 7, 2)):
        monkeypatch.setenv("KANTOR_CACHE", str(tmp_path / f"{cores}"))
        monkeypatch.setattr(shapes5, "threads", lambda cores=cores: cores)
        monkeypatch.setattr(shapes5, "SLICE", slice_)
        assert (pictures(make(size=600, seed=seed)) == first).all()


def test_splits_and_render_seeds_share_no_image():
    sets = [pictures(make(), "train"), pictures(make(), "test"), pictures(make(render_seed=1))]
    assert len({image.tobytes() for images in sets for image in images}) == 100 + 200 + 100


@pytest.mark.parametrize("split", ["train", "test"])
def test_the_truth_is_what_was_painted(split):
    data = make()
    truth = data.truth(split)
    assert truth.dtype == shapes.SCENE and len(truth) == len(data.load(split))
    assert (shapes.paint(truth) == pictures(data, split)).all()
    assert (np.load(next(cache.cache_root().rglob(f"{split}-truth.npy"))) == truth).all()


def test_images_are_rendered_once(monkeypatch):
    first = pictures(make()).copy()
    monkeypatch.setattr(shapes, "paint", None)
    monkeypatch.setattr(shapes, "scenes", None)
    assert (pictures(make()) == first).all()


def test_the_file_of_the_truth_is_numpys_own_of_all_scenes(monkeypatch):
    monkeypatch.setattr(cache, "CHUNK", 48)  # of 100: two whole ones and a shorter
    make().truth("train")
    whole = io.BytesIO()
    np.save(whole, shapes.scenes([keyed.seed(0, "shape", index) for index in range(100)]))
    assert next(cache.cache_root().rglob("train-truth.npy")).read_bytes()[: -seals.LENGTH] == whole.getvalue()


def test_the_truth_of_many_images_is_written_in_chunks(monkeypatch):
    monkeypatch.setattr(cache, "CHUNK", 128)
    size = 10_000
    make().truth("train")  # what is imported at the first use
    tracemalloc.start()
    make(size=size).truth("train")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < size * shapes.SCENE.itemsize / 2


def test_images_are_mapped_read_only():
    pixels = make().load("train").pixels
    assert isinstance(pixels, np.memmap) and not pixels.flags.writeable


def test_an_interrupted_build_goes_on(monkeypatch, tmp_path):
    whole = pictures(make(size=1300)).copy()
    monkeypatch.setenv("KANTOR_CACHE", str(tmp_path / "other"))
    monkeypatch.setattr(shapes5, "threads", lambda: 1)
    paint, painted = shapes.paint, []

    def stopping(scenes):
        if sum(painted) > 700:
            raise KeyboardInterrupt
        painted.append(len(scenes))
        return paint(scenes)

    monkeypatch.setattr(shapes, "paint", stopping)
    with pytest.raises(KeyboardInterrupt):
        make(size=1300).load("train")
    assert not list(tmp_path.glob("other/**/train.npy"))

    painted.clear()
    monkeypatch.setattr(shapes, "paint", lambda scenes: painted.append(len(scenes)) or paint(scenes))
    assert (pictures(make(size=1300)) == whole).all()
    assert sum(painted) == 1300 - cache.CHUNK
    assert not list(tmp_path.glob("other/**/*.p*"))  # neither .partial nor .progress.json


def test_a_description_is_plain_and_the_fingerprint_changes_with_every_pixel(monkeypatch):
    assert json.loads(json.dumps(make().describe())) == make().describe()
    same = [make(), make(seed=3), make(batch_size=8), make(flip=True), make(resident=False)]
    others = [make(size=101), make(render_seed=1), make(size=None)]
    assert len({data.fingerprint for data in same}) == 1
    assert len({data.fingerprint for data in [same[0], *others]}) == 4
    before = make().fingerprint
    monkeypatch.setattr(shapes, "RENDERER", shapes.RENDERER + 1)
    assert make().fingerprint != before


def test_no_size_means_as_many_as_the_archive_has():
    assert make(size=None).size == 20_000
    assert make(size=None).fingerprint == make(size=20_000).fingerprint


@pytest.mark.parametrize("size", [0, -1])
def test_sizes_are_positive(size):
    with pytest.raises(UserError, match=f"size={size}: expected a number above 0"):
        make(size=size)


def test_a_missing_archive_is_said(tmp_path):
    data = make(archive=str(tmp_path / "none.tar.gz"), size=None)
    with pytest.raises(UserError, match=r"none\.tar\.gz: no such file.*PurdueShapes5GAN-20000\.tar\.gz"):
        data.describe()


def test_an_archive_has_no_truth(tmp_path):
    with pytest.raises(UserError, match="no ground truth"):
        make(archive=str(tmp_path / "some.tar.gz"), size=None).truth("train")
