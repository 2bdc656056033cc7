import functools
import io
import json
import os
import struct

import numpy as np
import pytest
from deep import deep_png
from hostile import huge_png
from mirrors import configured
from omegaconf import OmegaConf
from PIL import Image

from kantor import marks
from kantor.config import compose as config
from kantor.data import cache, decode, pictures
from kantor.data.manifest import Manifest
from kantor.errors import UserError


@pytest.fixture
def root(tmp_path):
    return tmp_path / "images"


data = functools.partial(configured, "folder", image_size=8)


def put(root, name, level=0, *, mode="L", size=(8, 8), **options):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, level).save(path, **options)
    return path


def many(root, n, **options):
    for level in range(n):
        put(root, f"{level:03}.png", level, **options)
    return root


def levels(found):
    """The level of each flat picture of a set."""
    return [int(picture[0, 4, 4]) for picture in found.take(np.arange(len(found))).numpy()]


def both(loaded):
    return sorted(levels(loaded.load("train")) + levels(loaded.load("test")))


def test_images_of_any_depth_format_and_size_are_found(root):
    put(root, "a.png", 10)
    put(root, "deep/er/b.jpg", 20, size=(30, 9))
    put(root, "deep/c.GIF", 30, size=(9, 30), format="GIF")
    put(root, "d.bmp", (40, 40, 40), mode="RGB")
    put(root, "e.tiff", (50, 255), mode="LA")
    for other in ("notes.txt", ".DS_Store", "._a.png", ".hidden/x.png", "deep/labels.csv", "program.eps"):
        (root / other).parent.mkdir(exist_ok=True)
        (root / other).write_bytes(b"no image")
    loaded = data(root)
    assert both(loaded) == [10, 20, 30, 40, 50]
    assert loaded.load("train").pixels.shape == (5, 3, 8, 8)
    assert loaded.load("train").labels is None
    assert loaded.sample_shape == (3, 8, 8)


def test_grey_sets_have_one_channel(root):
    loaded = data(many(root, 4), mode="L")
    assert loaded.sample_shape == (1, 8, 8) == loaded.load("test").pixels.shape[1:]


def test_transparency_shows_the_background(root):
    for level in range(3):
        put(root, f"{level}.png", (level, 0), mode="LA")
    put(root, "opaque.png", 7)
    assert both(data(root, alpha="white")) == [7, 255, 255, 255]
    assert both(data(root, alpha="black")) == [0, 0, 0, 7]


def test_directories_of_all_images_are_classes(root):
    for level, name in enumerate(["dog/a", "cat/b", "cat/old/c", "emu/d", "dog/e"]):
        put(root, f"{name}.png", level)
    for split in ("train", "test"):
        found = data(root).load(split)
        expected = {0: 1, 1: 0, 2: 0, 3: 2, 4: 1}  # cat, dog, emu
        assert found.labels_of(np.arange(len(found))).tolist() == [expected[level] for level in levels(found)]
    put(root, "stray.png", 9)
    assert data(root).load("train").labels is None


def test_how_many_classes_there_are_is_known_before_an_image_is_read(root, own_cache):
    for level, name in enumerate(["dog/a", "cat/b", "cat/old/c", "emu/d", "dog/e"]):
        put(root, f"{name}.png", level)
    assert data(root).classes == 3 and not own_cache.exists()
    shares = data(root).label_shares()
    labels = data(root).train.labels_of(np.arange(len(data(root).train)))
    assert shares.tolist() == [(labels == label).mean() for label in range(3)] and shares.sum() == pytest.approx(1)
    put(root, "stray.png", 9)
    assert data(root).classes is None and data(root).label_shares() is None


def test_the_splits_are_a_partition_of_the_share(root):
    loaded = data(many(root, 50), holdout=0.2)
    train, test = levels(loaded.load("train")), levels(loaded.load("test"))
    assert len(test) == 10 and sorted(train + test) == list(range(50))
    assert test != sorted(test)[:10] or test != list(range(10))  # not the first ones


def test_a_further_image_moves_almost_none(root):
    before = set(levels(data(many(root, 50), holdout=0.2).load("test")))
    put(root, "further.png", 200)
    after = set(levels(data(root, holdout=0.2).load("test")))
    assert len(before ^ after - {200}) <= 1


def test_copies_of_an_image_are_on_one_side(root):
    for index in range(40):
        put(root, f"{index:02}.png", index % 4)
    loaded = data(root, holdout=0.3)
    assert not set(levels(loaded.load("train"))) & set(levels(loaded.load("test")))


def test_one_picture_in_two_codes_is_on_one_side(root):
    """And so is its mirror image, which training with data.flip shows."""
    noise = np.random.default_rng(0).integers(256, size=(40, 8, 8, 3), dtype=np.uint8)
    root.mkdir()
    for index, picture in enumerate(noise):
        Image.fromarray(picture).save(root / f"{index:02}.png")
        Image.fromarray(picture).save(root / f"{index:02}.bmp")
        Image.fromarray(picture[:, ::-1]).save(root / f"{index:02}-mirrored.tiff")
    loaded = data(root, holdout=0.2)
    train, test = (loaded.load(split).take(np.arange(len(loaded.load(split)))).numpy() for split in ("train", "test"))
    assert len(test) == 24 and len(train) == 96
    known = {picture.tobytes() for picture in train}
    assert not any(picture.tobytes() in known or picture[..., ::-1].tobytes() in known for picture in test)


def test_names_and_order_of_files_do_not_move_an_image(root, tmp_path):
    first = set(levels(data(many(root, 30)).load("test")))
    for level in range(30):
        put(tmp_path / "other", f"{29 - level:03}-x.png", level)
    assert set(levels(data(tmp_path / "other").load("test"))) == first


@pytest.mark.parametrize("n", [0, 1])
def test_one_image_cannot_be_split(root, n):
    root.mkdir()
    with pytest.raises(UserError, match="no image in it" if n == 0 else "expected at least two"):
        data(many(root, n)).load("train")


def test_a_missing_directory_is_named(tmp_path):
    with pytest.raises(UserError, match=r"data\.root=.*nowhere: expected a directory of images"):
        data(tmp_path / "nowhere").fingerprint  # noqa: B018
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="expected a directory of images"):
        data(tmp_path / "file").fingerprint  # noqa: B018


def test_the_root_has_to_be_given():
    assert OmegaConf.is_missing(OmegaConf.create(config.load_option("data", "folder", [])), "root")


@pytest.mark.parametrize("changed", [{"holdout": 0.0}, {"holdout": 1.0}, {"image_size": 0}, {"mode": "HSV"}])
def test_wrong_settings_are_refused(root, changed):
    with pytest.raises(UserError, match=next(iter(changed))):
        data(root, **changed)


def test_the_fingerprint_knows_contents_names_and_settings(root):
    found = [data(many(root, 5)).fingerprint]
    found += [
        data(root, **changed).fingerprint
        for changed in ({"image_size": 9}, {"mode": "L"}, {"alpha": "white"}, {"holdout": 0.3}, {"size": 2})
    ]
    os.utime(root / "000.png", ns=(1, 1))
    assert data(root, broken="skip", batch_size=3).fingerprint == found[0]  # another time is not another image
    before = (root / "000.png").stat()
    put(root, "000.png", 99)
    found.append(data(root).fingerprint)
    os.utime(root / "000.png", ns=(before.st_atime_ns, before.st_mtime_ns))
    (root / "000.png").rename(root / "zzz.png")
    found.append(data(root).fingerprint)
    assert len(set(found)) == len(found)
    json.dumps(data(root).describe())


def test_contents_are_read_once(root, monkeypatch):
    monkeypatch.setattr(cache, "CLOCK_NS", -1)
    first = data(many(root, 5)).fingerprint
    monkeypatch.setattr(Manifest, "read", lambda *_: pytest.fail("read again"))
    assert data(root).fingerprint == first


@pytest.mark.parametrize("replaced", [False, True])
def test_others_of_equal_size_and_time_are_other_data(root, tmp_path, monkeypatch, replaced):
    """rsync -t and unzip preserve times; a BMP of the same sides has the same size."""
    monkeypatch.setattr(cache, "CLOCK_NS", -1)
    for level in range(8):
        put(root, f"{level}.bmp", level)
    before = data(root)
    assert both(before) == list(range(8))
    for level in range(8):
        path = root / f"{level}.bmp"
        then, target = path.stat(), tmp_path / "new.bmp" if replaced else path
        Image.new("L", (8, 8), 100 + level).save(target)
        os.utime(target, ns=(then.st_atime_ns, then.st_mtime_ns))
        os.replace(target, path)
        assert (path.stat().st_size, path.stat().st_mtime_ns) == (then.st_size, then.st_mtime_ns)
    after = data(root)
    assert both(after) == list(range(100, 108)) and after.fingerprint != before.fingerprint


def test_a_moved_directory_is_the_same_data_and_is_not_built_again(root, tmp_path, monkeypatch):
    whole = both(data(many(root, 5)))
    moved = root.rename(tmp_path / "moved")
    monkeypatch.setattr(pictures.Decoder, "read", lambda *_: pytest.fail("decoded again"))
    assert both(data(moved)) == whole


def test_links_are_followed_but_not_in_circles(root, tmp_path):
    many(tmp_path / "elsewhere", 3)
    put(root, "cats/own.png", 50)
    (root / "cats" / "linked").symlink_to(tmp_path / "elsewhere")
    (root / "cats" / "up").symlink_to(root)
    (tmp_path / "elsewhere" / "back").symlink_to(root)
    (root / "one.png").symlink_to(tmp_path / "elsewhere" / "002.png")
    assert both(data(root)) == [0, 1, 2, 2, 50]


def nothing(path):
    path.unlink()
    path.symlink_to(path.parent / "nothing.png")


def test_what_can_be_read_later_is_other_data(root):
    nothing(many(root, 5) / "002.png")
    before = data(root, broken="skip")
    assert both(before) == [0, 1, 3, 4]
    put(root, "nothing.png", 9)
    again = data(root, broken="skip")
    assert both(again) == [0, 1, 3, 4, 9, 9] and again.fingerprint != before.fingerprint


def test_names_that_are_no_utf8_are_names(root, capsys):
    place = os.fsencode(many(root, 3))
    for name, content in ((b"\xff\xfe.png", (root / "001.png").read_bytes()), (b"\xe9.png", b"no picture")):
        with open(os.path.join(place, name), "wb") as handle:
            handle.write(content)
    for _ in range(2):  # built, and from the cache
        assert both(data(root, broken="skip")) == [0, 1, 1, 2]
        assert "1 of 5 pictures are broken and left out: \\udce9.png (" in capsys.readouterr().err


def test_directories_and_pipes_with_the_name_of_an_image_are_none(root):
    many(root, 2)
    os.mkfifo(root / "pipe.png")
    put(root, "directory.png/inside.png", 7)
    assert both(data(root)) == [0, 1, 7]


def truncated_jpeg(path):
    noise = np.random.default_rng(0).integers(256, size=(64, 64, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noise).save(stream, "JPEG")
    path.write_bytes(stream.getvalue()[:2000])


def huge(path):
    path.write_bytes(huge_png(50_000))


def icon(path):
    """It says 16 × 16, and holds a picture that is far larger, which Pillow decodes on opening."""
    inside = huge_png(13_000)
    entry = struct.pack("<BBBBHHII", 16, 16, 0, 0, 1, 32, len(inside), 22)
    path.write_bytes(struct.pack("<HHH", 0, 1, 1) + entry + inside)


def text(path):
    path.write_text("<html>not found</html>")


BREAK = [truncated_jpeg, huge, text, nothing, icon]


@pytest.mark.parametrize("break_it", BREAK)
def test_a_broken_image_stops_and_is_named(root, break_it):
    break_it(many(root, 5) / "002.png")
    with pytest.raises(UserError, match=r"1 of the first 5 pictures is broken: 002\.png \(.*\).* data\.broken=skip"):
        data(root, broken="stop").load("train")


@pytest.mark.parametrize("break_it", BREAK)
def test_a_broken_image_is_skipped_and_counted(root, break_it, capsys):
    break_it(many(root, 5) / "002.png")
    loaded = data(root, broken="skip")
    assert both(loaded) == [0, 1, 3, 4]
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "1 of 5 pictures are broken and left out: 002.png (" in said
    assert both(data(root, broken="skip")) == [0, 1, 3, 4]  # from the cache
    assert "1 of 5" in capsys.readouterr().err
    with pytest.raises(UserError, match=r"1 of 5 pictures is broken: 002\.png"):  # though it is built by now
        data(root, broken="stop").load("test")
    (listed,) = (cache.cache_root() / "data").glob("*/broken.json")
    assert list(cache.read_note(listed)) == ["002.png"]


def test_the_first_of_many_broken_images_are_named_and_all_are_counted_and_listed(root, capsys):
    many(root, 20)
    for index in range(3, 10):
        text(root / f"{index:03}.png")
    with pytest.raises(UserError) as caught:
        data(root).load("train")
    reason = "no picture in a format that can be read"
    named = ", ".join(f"00{index}.png ({reason})" for index in range(3, 8)) + " and 2 more"
    remedy = "mend or remove what is broken, or leave it out, data.broken=skip"
    assert str(caught.value) == f"folder: 7 of the first 20 pictures are broken: {named}; {remedy}"
    data(root, broken="skip").load("train")
    (listed,) = (cache.cache_root() / "data").glob("*/broken.json")
    said = f"folder: 7 of 20 pictures are broken and left out: {named}; {listed} lists all with the reasons"
    assert capsys.readouterr().err == f"kantor: {said}\n"
    assert cache.read_note(listed) == {f"00{index}.png": reason for index in range(3, 10)}


@pytest.mark.parametrize("name", ["pixels.npy", "names.json", "notes.json", "broken.json", "digests.npy"])
@pytest.mark.parametrize("damage", [lambda whole: whole[:-1], lambda whole: bytes([whole[0] ^ 1]) + whole[1:]])
def test_prepared_files_that_were_damaged_are_made_again(root, name, damage):
    put(many(root, 5), "x.png").write_bytes(b"broken")
    expected = both(data(root, broken="skip"))
    (path,) = (cache.cache_root() / "data").glob(f"*/{name}")
    path.write_bytes(damage(path.read_bytes()))
    assert both(data(root, broken="skip")) == expected == [0, 1, 2, 3, 4]
    assert cache.is_whole(path) if name.endswith(".npy") else cache.read_note(path) is not None


def test_the_count_of_broken_images_holds_those_of_earlier_chunks(root, monkeypatch):
    """Built with skip as far as the second chunk, then with stop."""
    monkeypatch.setattr(cache, "CHUNK", 4)
    monkeypatch.setattr(cache, "CLOCK_NS", -1)
    many(root, 12)
    for index in (1, 6, 7, 10):
        text(root / f"{index:03}.png")
    read = Manifest.read
    _ = data(root).fingerprint  # the digests are known

    def interrupted(manifest, name):
        if name == "005.png":
            raise KeyboardInterrupt
        return read(manifest, name)

    monkeypatch.setattr(Manifest, "read", interrupted)
    with pytest.raises(KeyboardInterrupt):
        data(root, broken="skip").load("train")
    monkeypatch.setattr(Manifest, "read", read)
    with pytest.raises(UserError, match=r"3 of the first 8 pictures are broken: 001\.png .*006\.png .*007\.png"):
        data(root, broken="stop").load("train")
    assert both(data(root, broken="skip")) == [0, 2, 3, 4, 5, 8, 9, 11]


def test_a_set_of_broken_images_only_is_refused(root):
    root.mkdir()
    for index in range(4):
        (root / f"{index}.png").write_text(f"no image {index}")
    with pytest.raises(UserError, match="0 whole pictures are there"):
        data(root, broken="skip").load("train")


@pytest.mark.parametrize("stopped_at", [1, 7, 15, 29])
def test_an_interrupted_build_goes_on_and_ends_the_same(root, tmp_path, monkeypatch, stopped_at):
    """Killed in the middle of a chunk, with broken files on both sides: byte for byte the uninterrupted one."""
    monkeypatch.setattr(cache, "CHUNK", 4)
    monkeypatch.setattr(cache, "CLOCK_NS", -1)
    many(root, 30)
    for name in ("003.png", "020.png"):
        text(root / name)
    whole = data(root, broken="skip").load("train")
    monkeypatch.setenv("KANTOR_CACHE", str(tmp_path / "second"))
    read, names = Manifest.read, []

    def counted(manifest, name):
        names.append(name)
        if name == f"{stopped_at:03}.png":
            raise KeyboardInterrupt
        return read(manifest, name)

    _ = data(root).fingerprint  # the digests are known
    monkeypatch.setattr(Manifest, "read", counted)
    with pytest.raises(KeyboardInterrupt):
        data(root, broken="skip").load("train")
    assert not list((tmp_path / "second").rglob("pixels.npy"))
    monkeypatch.setattr(Manifest, "read", lambda manifest, name: names.append(name) or read(manifest, name))
    names.clear()
    resumed = data(root, broken="skip").load("train")
    assert min(names) == f"{stopped_at // 4 * 4:03}.png"  # what was done is not done again
    assert resumed.pixels.tobytes() == whole.pixels.tobytes()
    assert resumed.rows.tolist() == whole.rows.tolist() == [r for r in whole.rows if r not in (3, 20)]
    left = {path.name for path in (tmp_path / "second").rglob("*") if path.suffix != ".txt" and path.is_file()}
    assert left >= {"pixels.npy", "names.json", "broken.json"} and not any("partial" in name for name in left)


def test_pixels_are_mapped_and_read_only(root):
    found = data(many(root, 3)).load("train")
    assert isinstance(found.pixels, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        found.pixels[0] = 1


def put_deep(root, name, level, mode):
    array = np.full((8, 8), level, dtype=np.int32 if mode == "I" else np.uint16)
    array[0, 0] = 0
    root.mkdir(exist_ok=True)
    Image.fromarray(array).save(root / name)


@pytest.mark.parametrize(("most", "bits"), [(200, 8), (255, 8), (256, 10), (1000, 10), (4095, 12)])
@pytest.mark.parametrize("mode", ["I;16", "I"])
def test_16_bits_that_hold_fewer_are_refused_and_can_be_named(root, most, bits, mode):
    """Nothing becomes black in silence; all are scaled by one rule."""
    for level in range(6):
        put_deep(root, f"{level}.tif", most - level, mode)
    put(root, "of 8 bits.png", 33)
    with pytest.raises(
        UserError, match=f"the 6 pictures of 16 bits hold levels up to {most:,} of 65,535.*data.bits={bits} "
    ):
        data(root).load("train")
    expected = sorted([33, *(round((most - level) / ((1 << bits) - 1) * 255) for level in range(6))])
    assert both(data(root, bits=bits)) == expected
    assert data(root, bits=bits).fingerprint != data(root).fingerprint == data(root, bits=16).fingerprint
    assert max(both(data(root, bits=16))) == 33


def test_dark_pictures_among_bright_ones_of_16_bits_are_dark(root, capsys):
    for index, level in enumerate([100, 200, 3000, 20_000, 65_535]):
        put_deep(root, f"{index}.png", level, "I;16")
    assert both(data(root)) == [0, 1, 12, 78, 255]
    said = "2 of 5 pictures of 16 bits hold no level above 255, and are black: if they have 8 bits, save them with 8"
    assert capsys.readouterr().err == f"kantor: folder: {said}\n"
    data(root, bits=16).load("train")  # who says so means it
    assert "16 bits" not in capsys.readouterr().err


@pytest.mark.parametrize("most", [200, 4000])
def test_16_bit_colours_that_hold_fewer_are_refused_with_a_remedy_that_helps(root, most):
    root.mkdir()
    for index in range(4):
        (root / f"{index}.png").write_bytes(deep_png(np.full((8, 8, 3), most - most // 10 * index)))
    with pytest.raises(UserError, match=r"and would be almost black: .*data\.bits=16 .* or save them with 8") as caught:
        data(root).load("train")
    assert "data.bits=8" not in str(caught.value) and "data.bits=12" not in str(caught.value)
    if most > 255:  # else all are black, and one
        data(root, bits=16).load("train")


def test_bits_that_were_named_are_not_asked_for(root):
    for index in range(4):
        put_deep(root, f"{index}.png", 200 + index, "I;16")
    assert data(root, bits=8).remarks == ["coded by: none"]


def test_transparency_is_said(root, capsys):
    for level in range(4):
        put(root, f"{level}.png", (level, 0), mode="LA")
        put(root, f"opaque{level}.png", (9 + level, 255), mode="LA")
    for alpha in ("black", "white"):
        data(root, alpha=alpha).load("train")
        said = f"4 of 8 pictures are transparent in places, where {alpha} shows through"
        assert capsys.readouterr().err == f"kantor: folder: {said}\n"


@pytest.mark.parametrize("bits", [0, 9, "twelve", None])
def test_other_numbers_of_bits_are_refused(root, bits):
    with pytest.raises(UserError, match=r"bits"):
        data(many(root, 3), bits=bits)


def test_a_set_of_masks_is_said_to_be_almost_black(root, capsys):
    for index in range(4):
        Image.fromarray(np.eye(8, k=index, dtype=np.uint8)).save(put(root, f"{index}.png"))
    data(root).load("train")
    assert "no pixel is brighter than 1 of 255: the pictures are almost black" in capsys.readouterr().err


def test_what_is_not_read_is_said_by_ending(root, capsys):
    many(root, 6)
    for index in range(80):
        (root / f"{index}.HEIC").write_bytes(b"ftypheic")
    (root / "deep").mkdir()
    (root / "deep" / "notes.txt").touch()
    (root / ".hidden").touch()
    loaded = data(root)
    loaded.load("train")
    said = "not read as pictures: 80 .heic (pip install pillow-heif, to have them read), 1 .txt"
    if ".heic" not in decode.extensions():
        assert f"kantor: folder: {said}\n" in capsys.readouterr().err and said in loaded.remarks


def test_enlarging_frames_and_codecs_are_counted(root, capsys, monkeypatch):
    monkeypatch.setattr(cache, "CHUNK", 4)
    many(root, 6)
    for level in (10, 11):
        put(root, f"small{level}.png", level, size=(4, 4))
    put(root, "pages.tif", 20, save_all=True, append_images=[Image.new("L", (8, 8))])
    put(root, "photo.jpe", 30, format="JPEG")
    for _ in range(2):  # built, and from the cache
        loaded = data(root)
        loaded.load("train")
        err = capsys.readouterr().err
        for said in (
            "2 of 10 pictures are smaller than 8 × 8 pixels, and enlarged",
            "1 of 10 pictures are of several pages or frames, of which the first is read",
        ):
            assert f"kantor: folder: {said}\n" in err and said in loaded.remarks
    assert "coded by: jpeg" in loaded.remarks


def split_levels(loaded):
    return [sorted(levels(loaded.load(split))) for split in ("train", "test")]


@pytest.mark.parametrize("test", ["test", "Test", "testing", "val", "valid", "validation"])
@pytest.mark.parametrize("train", ["train", "Training"])
def test_directories_of_splits_are_the_splits(root, train, test, capsys):
    for level in range(12):
        put(root, f"{train if level < 9 else test}/{level:03}.png", level)
    loaded = data(root)
    assert split_levels(loaded) == [list(range(9)), [9, 10, 11]]
    assert loaded.classes is None and loaded.split_rule == f"directories, {train} and {test}"
    assert f"{train}/ and {test}/ are the splits: data.holdout is not used" in capsys.readouterr().err
    assert loaded.fingerprint == data(root, holdout=0.5).fingerprint


def test_classes_lie_below_the_splits(root, capsys):
    for level, place in enumerate(
        ["train/dog", "train/cat", "train/dog", "test/cat", "test/emu/deep", "val/cat", "extra/x"]
    ):
        put(root, f"{place}/{level}.png", level)
    loaded = data(root)
    assert split_levels(loaded) == [[0, 1, 2], [3, 4]] and loaded.classes == 3
    for split, expected in (("train", {0: 1, 1: 0, 2: 1}), ("test", {3: 0, 4: 2})):
        found = loaded.load(split)
        assert dict(zip(levels(found), found.labels_of(np.arange(len(found))).tolist(), strict=True)) == expected
    assert "2 pictures lie in neither, and are left out" in capsys.readouterr().err
    assert loaded.label_shares().tolist() == pytest.approx([1 / 3, 2 / 3, 0])


def test_copies_on_both_sides_of_directories_are_counted(root):
    for level in range(6):
        put(root, f"train/{level}.png", level)
    for level in range(4, 8):
        put(root, f"test/{level}.bmp", level)
    assert "2 of the held-out pictures are training pictures too, or mirrored ones" in data(root).remarks


@pytest.mark.parametrize("name", ["test", "train", "val"])
@pytest.mark.parametrize(("beside", "taken"), [("other/", "a class"), ("", "any other directory")])
def test_a_lone_directory_of_a_split_is_said_to_be_a_class(root, name, beside, taken, capsys):
    for level in range(8):
        put(root, f"{name if level % 2 else beside}/{level}.png".lstrip("/"), level)
    assert both(data(root)) == list(range(8))
    assert f"{name}/ is taken for {taken}: for splits, train/ and test/ (or val/)" in capsys.readouterr().err


SPLITS = "for splits, train/ and test/ (or val/) are expected right below data.root"


@pytest.mark.parametrize(
    ("places", "said"),
    [
        (["set/train", "set/test"], ["set/test/ is taken for any other directory", "set/train/ is taken for any"]),
        (["cat/train", "cat/Testing"], ["cat/Testing/ is taken for any other", "cat/train/ is taken for any other"]),
        (["train2017", "val2017"], ["train2017/ is taken for a class", "val2017/ is taken for a class"]),
        (["training_set", "test-set"], ["training_set/ is taken for a class", "test-set/ is taken for a class"]),
        (["trainA", "testA"], ["trainA/ is taken for a class", "testA/ is taken for a class"]),
        (["train/a", "test/a", "train/val"], ["val/ is taken for a class"]),
    ],
)
def test_what_seems_to_be_a_split_and_is_none_is_said(root, places, said):
    for level, place in enumerate(places * 4):
        put(root, f"{place}/{level}.png", level)
    remarks = data(root).remarks
    found = [remark for remark in remarks if "is taken for" in remark]
    assert len(found) == len(said) and all(remark.endswith(SPLITS) for remark in found)
    assert all(any(remark.startswith(words) for remark in found) for words in said)


def test_of_many_such_directories_some_are_named_and_the_others_counted(root):
    for level in range(16):
        put(root, f"kind {level // 2}/{('train', 'test')[level % 2]}/{level}.png", level)
    remarks = data(root).remarks
    assert len([remark for remark in remarks if "is taken for" in remark]) == 5 and "so are 11 more" in remarks


def test_names_that_only_begin_as_those_of_splits_are_classes(root):
    for level, place in enumerate(["trainers", "valley", "testament", "devices", "helden"] * 2):
        put(root, f"{place}/{level}.png", level)
    assert data(root).remarks == ["coded by: none"]


def test_a_stray_picture_that_takes_the_labels_away_is_said(root):
    for level in range(6):
        put(root, f"{('cat', 'dog')[level % 2]}/{level}.png", level)
    put(root, "stray.png", 9)
    said = (
        "1 of 7 pictures lies in no directory of a class (stray.png): no directory is a class, and there are no labels"
    )
    assert said in data(root).remarks and data(root).classes is None


def claimed(place):
    marks.claim(place)


def a_run(place):
    place.mkdir(parents=True)
    for name in ("status.json", "config.yaml"):
        (place / name).touch()


@pytest.mark.parametrize("write", [claimed, a_run])
def test_what_kantor_wrote_is_no_data(root, write, capsys):
    before = data(many(root, 6)).fingerprint
    write(root / "outputs" / "some" / "run")
    put(root, "outputs/some/run/samples/grid.png", 99)
    loaded = data(root)
    assert both(loaded) == list(range(6)) and loaded.fingerprint == before
    assert "left out, since kantor wrote it: outputs/some/run/" in capsys.readouterr().err


def test_samples_can_be_data_when_they_are_named(root):
    claimed(root)
    assert both(data(many(root, 6))) == list(range(6))


def test_what_is_the_users_is_not_marked(root):
    many(root, 3)
    marks.claim(root)
    assert not (root / marks.MARK).exists()


@pytest.mark.parametrize("share", [0.001, 0.1, 0.5, 0.999])
@pytest.mark.parametrize("n", [2, 3, 40])
def test_a_held_out_share_is_never_none_or_all(n, share):
    digests = [f"{index * 37 % 1009:04}" for index in range(n)]
    chosen = pictures.held_out(digests, share)
    assert chosen.sum() == min(max(round(n * share), 1), n - 1)
    backwards = pictures.held_out(digests[::-1], share)
    assert (backwards == chosen[::-1]).all()
