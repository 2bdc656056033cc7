"""Somebody's samples as files, scored: what can be read, and what is refused."""

import json

import numpy as np
import pytest
from PIL import Image

from kantor.data.images import ImageSet
from kantor.data.manifest import Manifest
from kantor.data.shapes5 import PurdueShapes5
from kantor.engine import foreign_samples as files
from kantor.errors import UserError
from kantor.evaluation.picture_features import PictureFeatures
from kantor.runs.directory import RunDirectory
from kantor.samples import copies
from kantor.samples.files import check_target, codec, random_selection, read_pictures, read_samples, write_samples

SIZES = [("data.size", 60), ("evaluation.n", 20), ("evaluation.draws", 2), ("evaluation.threads", 1)]


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    """60 rendered pictures, uint8 (60, 64, 64, 3), others than a data set's own: somebody's samples."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KANTOR_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield data(render_seed=1).load("train").pixels.transpose(0, 2, 3, 1)


def data(size=60, render_seed=0):
    return PurdueShapes5(
        name="purdue_shapes5", batch_size=4, size=size, flip=False, resident=False, identity="auto", seed=0,
        render_seed=render_seed, archive=None,
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
        files.check_out(RunDirectory(tmp_path / f"card of {name}"))  # may be scored into again
        (evaluation,) = card["evaluations"]
        assert evaluation["name"] == "quick" and evaluation["draw"]["draws"] == 2
        assert evaluation["sampling"] == {"weights": "file", "checkpoint": name, "sampler": "file", "nfe": None}
        scores[name] = evaluation["scores"]
    assert scores["theirs.npz"] == scores["theirs"]
    assert scores["theirs"]["precision"]["value"] > 0.5


@pytest.mark.parametrize("name", ["../odd", "a/b", "", ".x", 3])
def test_a_name_that_leads_out_is_refused_before_anything_is_read(name, tmp_path):
    given = {"images": "missing.npz", "data": "purdue_shapes5", "out": str(tmp_path / "out")}
    with pytest.raises(UserError, match=r"^evaluation\.name=.*: expected a name that begins with a letter"):
        files.evaluate_files(given, [*SIZES, ("evaluation.name", name)])
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["card.json", "report.html"])
@pytest.mark.parametrize("content", ["mine", '{"mine": 1}'], ids=["text", "json"])
def test_files_of_the_users_are_not_replaced(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match=f"has a {name} that is none of kantor's: name another directory"):
        files.evaluate_files({"images": "x.npz", "data": "purdue_shapes5", "out": str(tmp_path)}, SIZES)
    assert (tmp_path / name).read_text() == content and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(("copied", "said"), [(0, None), (3, "3 of 40 pictures are copies of training pictures")])
@pytest.mark.parametrize("name", ["theirs.npz", "theirs"])
def test_copies_of_training_pictures_are_counted(write, shapes, tmp_path, capsys, name, copied, said):
    mixed = np.array(shapes[:40])  # two draws of 20
    mixed[10 : 10 + copied] = data().train.pixels[:copied].transpose(0, 2, 3, 1)
    given = {"images": str(write(name, mixed)), "data": "purdue_shapes5", "out": str(tmp_path / "card")}
    files.evaluate_files(given, SIZES)
    err = capsys.readouterr().err
    assert "copies" not in err if said is None else f"kantor: {said}: the scores measure memory\n" in err


def test_training_pictures_are_not_scored_against_themselves(write, tmp_path):
    own = data().train.pixels.transpose(0, 2, 3, 1)[::-1]
    given = {"images": str(write("theirs", own)), "data": "purdue_shapes5", "out": str(tmp_path / "card")}
    with pytest.raises(UserError, match="all 40 pictures are copies of training pictures of data=purdue_shapes5"):
        files.evaluate_files(given, SIZES)
    assert not (tmp_path / "card").exists()


def test_copies_are_pictures_of_equal_levels_wherever_they_stand(monkeypatch):
    """12 training pictures, three chunks; held-out ones in the same file are none of them."""
    monkeypatch.setattr(copies, "CHUNK", 5)
    pixels = np.arange(20 * 12, dtype=np.uint8).reshape(20, 3, 2, 2)
    training = ImageSet(pixels, rows=np.arange(4, 16))
    changed = pixels[4:5] ^ np.uint8(4)
    assert copies.count_copies([pixels[:4], pixels[16:], changed], training) == 0
    assert copies.count_copies([pixels], training) == 12
    assert copies.count_copies([pixels[[15, 4, 3]], pixels[[4, 19]]], training) == 3
    assert copies.count_copies([pixels[..., ::-1]], training) == 12  # mirrored
    transposed = np.ascontiguousarray(pixels.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)  # the same in other memory
    assert copies.count_copies([transposed], training) == 12


def test_pictures_come_back_as_they_were_written_in_the_order_of_names(write, shapes):
    for written in map(write, ("theirs.npz", "theirs")):
        assert np.array_equal(read_samples(written, data(), np.arange), shapes.transpose(0, 3, 1, 2))
        some = read_samples(written, data(), lambda count: np.arange(count)[6::-1])
        assert np.array_equal(some, shapes[6::-1].transpose(0, 3, 1, 2))


@pytest.mark.parametrize("name", ["theirs.npz", "theirs"])
def test_sorted_pictures_are_mixed_so_that_each_draw_is_of_all(write, shapes, name):
    """Of a file sorted by class, the first draw would be of one class."""
    ordered = shapes[np.argsort(shapes.mean((1, 2, 3)))]
    written = write(name, ordered)
    found = read_samples(written, data(), random_selection(40, seed=0))
    assert len(found) == 40 == len(np.unique(found, axis=0))
    middle = np.median(ordered.mean((1, 2, 3)))
    bright = [int((draw.mean((1, 2, 3)) > middle).sum()) for draw in (found[:20], found[20:])]
    assert min(bright) >= 5 and max(bright) <= 15
    other = read_samples(written, data(), random_selection(40, seed=1))
    assert not np.array_equal(found, other)


def test_the_card_comes_with_a_sheet_of_what_was_given(write, tmp_path):
    given = {"images": str(write("theirs.npz")), "data": "purdue_shapes5", "out": str(tmp_path / "card")}
    files.evaluate_files(given, SIZES)
    with Image.open(tmp_path / "card" / "samples" / "given.png") as sheet:
        assert min(sheet.size) > 4 * 64 and len(sheet.getcolors(1 << 20)) > 10  # 20 pictures of 64×64


def test_pictures_in_colours_are_no_grey_ones(tmp_path):
    """A conversion would change what is scored; grey levels that were written three times are the same."""
    grey = np.random.default_rng(0).integers(256, size=(2, 28, 28, 1), dtype=np.uint8)
    write_samples(np.repeat(grey, 3, axis=3), tmp_path / "same")
    assert np.array_equal(
        read_pictures(tmp_path / "same", channels=1, side=28, select=np.arange), grey.transpose(0, 3, 1, 2)
    )
    write_samples(np.concatenate([grey, grey, 255 - grey], axis=3), tmp_path / "colours")
    with pytest.raises(UserError, match=r"00000.png: a picture in colours; expected a whole grey picture of 28 × 28"):
        read_pictures(tmp_path / "colours", channels=1, side=28, select=np.arange)


def test_a_lossy_codec_is_part_of_the_protocol(write, shapes, tmp_path):
    (tmp_path / "jpegs").mkdir()
    for number, picture in enumerate(shapes):
        Image.fromarray(picture).save(tmp_path / "jpegs" / f"{number:03d}.jpg")
    cards = []
    for name, path in (("png", write("theirs")), ("jpeg", tmp_path / "jpegs")):
        given = {"images": str(path), "data": "purdue_shapes5", "out": str(tmp_path / name)}
        (made,) = files.evaluate_files(given, SIZES)["evaluations"]
        cards.append(made)
    assert [made["protocol"]["split"]["codec"] for made in cards] == ["none", "jpeg"]
    assert cards[0]["protocol_hash"] != cards[1]["protocol_hash"]


CODECS = {
    "jpe": ("0.jpe", {"format": "JPEG"}, "jpeg"),
    "jpeg in png's clothes": ("0.png", {"format": "JPEG"}, "jpeg"),
    "jpeg in tiff": ("0.tif", {"compression": "jpeg"}, "jpeg"),
    "tiff": ("0.tif", {}, "none"),
    "webp": ("0.webp", {}, "webp"),
    "lossless webp": ("0.webp", {"lossless": True}, "none"),
    "lossless jpeg 2000": ("0.jp2", {}, "none"),
    "lossy jpeg 2000": ("0.j2k", {"irreversible": True}, "jpeg 2000"),
}


@pytest.mark.parametrize("name", CODECS)
def test_the_codec_is_that_of_the_content(tmp_path, name):
    file, options, expected = CODECS[name]
    (tmp_path / "theirs").mkdir()
    noise = np.random.default_rng(0).integers(256, size=(16, 16, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "theirs" / file, **options)
    Image.fromarray(noise).save(tmp_path / "theirs" / "1.png")
    assert codec(tmp_path / "theirs") == expected


def test_16_bits_that_hold_8_are_refused_not_scored_as_black(tmp_path):
    for index in range(3):
        Image.fromarray(np.full((28, 28), 255 - index, np.uint16)).save(tmp_path / f"{index}.png")
    with pytest.raises(UserError, match=r"the 3 pictures of 16 bits hold levels up to 255 of 65,535"):
        read_pictures(tmp_path, channels=1, side=28, select=np.arange)


def test_output_inside_the_given_pictures_is_refused(write, tmp_path):
    place = write("theirs")
    given = {"images": str(place), "data": "purdue_shapes5", "out": str(place / "card")}
    with pytest.raises(UserError, match=rf"out={place / 'card'} lies in {place}, whose pictures are data"):
        files.evaluate_files(given, SIZES)
    assert not (place / "card").exists()


def test_samples_and_cards_are_marked_as_kantors(write, tmp_path):
    given = {"images": str(write("theirs")), "data": "purdue_shapes5", "out": str(tmp_path / "card")}
    files.evaluate_files(given, SIZES)
    assert Manifest(tmp_path).names == [] and sorted(Manifest(tmp_path).listing.ours) == ["card/", "theirs/"]
    assert len(Manifest(tmp_path / "theirs").names) == 60


def test_copies_of_held_out_pictures_are_counted(write, shapes, tmp_path, capsys):
    mixed = np.array(shapes[:40])
    mixed[:4] = data().test.pixels[:4].transpose(0, 2, 3, 1)
    given = {"images": str(write("theirs.npz", mixed)), "data": "purdue_shapes5", "out": str(tmp_path / "card")}
    files.evaluate_files(given, SIZES)
    said = "kantor: 4 of 40 pictures are copies of held-out pictures, no samples of a model\n"
    assert said in capsys.readouterr().err


def test_each_picture_is_extracted_once(write, tmp_path, monkeypatch):
    """With Inception each takes a tenth of a second; the tests of the first draw need no second look."""
    seen, of_arrays = [], PictureFeatures.of_arrays

    def counted(self, pictures):
        seen.append(len(pictures))
        return of_arrays(self, pictures)

    monkeypatch.setattr(PictureFeatures, "of_arrays", counted)
    given = {"images": str(write("theirs.npz")), "data": "purdue_shapes5", "out": str(tmp_path / "card")}
    files.evaluate_files(given, SIZES)
    assert seen == [20, 20]


def test_what_is_selected_is_at_most_what_is_there():
    assert sorted(random_selection(100, seed=0)(7)) == list(range(7))


def test_a_grey_data_set_reads_grey_pictures(tmp_path):
    grey = np.random.default_rng(0).integers(256, size=(3, 28, 28, 1), dtype=np.uint8)
    write_samples(grey, tmp_path / "grey")
    assert np.array_equal(
        read_pictures(tmp_path / "grey", channels=1, side=28, select=np.arange), grey.transpose(0, 3, 1, 2)
    )


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
        read_samples(tmp_path / "x.npz", data(), np.arange)


def test_masks_that_are_given_for_pictures_are_said_to_be_almost_black(tmp_path, capsys):
    np.savez(tmp_path / "masks.npz", samples=np.ones((4, 64, 64, 3), np.uint8))
    read_samples(tmp_path / "masks.npz", data(), np.arange)
    assert "no level is above 1 of 255: the pictures are almost black" in capsys.readouterr().err


def test_files_that_are_none_are_refused(tmp_path, write):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="there is no picture in it"):
        read_samples(tmp_path / "empty", data(), np.arange)
    with pytest.raises(UserError, match="there is no such file"):
        read_samples(tmp_path / "nowhere.npz", data(), np.arange)
    (tmp_path / "torn.npz").write_bytes(write("whole.npz").read_bytes()[:3000])
    with pytest.raises(UserError, match=r"torn\.npz: is damaged"):
        read_samples(tmp_path / "torn.npz", data(), np.arange)
    np.savez(tmp_path / "other.npz", images=np.zeros(3))
    with pytest.raises(UserError, match="no array `samples`"):
        read_samples(tmp_path / "other.npz", data(), np.arange)


def test_a_directory_with_files_in_it_takes_no_samples(tmp_path):
    """Pictures of two runs would lie there together, and be scored as one."""
    (tmp_path / "new").mkdir()
    check_target(tmp_path / "new")
    (tmp_path / "new" / "00000.png").write_bytes(b"")
    with pytest.raises(UserError, match="files in it"):
        check_target(tmp_path / "new")


def test_a_picture_of_another_size_or_a_broken_one_is_named(tmp_path, write):
    place = write("theirs")
    Image.new("RGB", (63, 64)).save(place / "00003.png")
    with pytest.raises(
        UserError, match=r"00003\.png: 63 × 64 pixels; expected a whole picture of 64 × 64 .*data\.image_size"
    ):
        read_samples(place, data(), np.arange)
    (place / "00003.png").write_bytes((place / "00004.png").read_bytes()[:200])
    with pytest.raises(UserError, match=r"00003\.png"):
        read_samples(place, data(), np.arange)


def test_too_few_pictures_and_an_evaluation_of_points_are_refused_before_a_card_is_begun(write, tmp_path):
    given = {"images": str(write("theirs.npz")), "data": "purdue_shapes5", "out": str(tmp_path / "card")}
    with pytest.raises(UserError, match=r"there are 60 samples, one draw takes evaluation.n=300"):
        files.evaluate_files(given, [("data.size", 1000), ("evaluation.n", 300)])
    with pytest.raises(UserError, match="pictures"):
        files.evaluate_files({**given, "evaluation": "toy"}, [])
    assert not (tmp_path / "card").exists()
