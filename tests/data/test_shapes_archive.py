import io
import stat
import tarfile
import zipfile

import numpy as np
import pytest
from mirrors import configured
from PIL import Image

from kantor.data import archives, cache, shapes_archive
from kantor.errors import UserError

KINDS = ["shapes.tar.gz", "shapes.tar", "shapes.zip"]
FOLDER = "PurdueShapes5GAN/multiobj/0"


@pytest.fixture(autouse=True)
def short_chunks(monkeypatch):
    monkeypatch.setattr(cache, "CHUNK", 7)


def data(path, **changed):
    return configured("purdue_shapes5", archive=str(path), **changed)


def encoded(array, format="PNG"):
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, format)
    return stream.getvalue()


def noise(number):
    """uint8 (64, 64, 3), different for every number."""
    return np.random.default_rng(number).integers(256, size=(64, 64, 3), dtype=np.uint8)


FILES = {f"{FOLDER}/{number:02}.png": encoded(noise(number)) for number in range(25)}


def pack(path, files):
    """An archive of the files in their order, and of directories."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(f"{FOLDER}/", b"")
            for name, content in files.items():
                archive.writestr(name, content)
        return path
    with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as archive:
        directory = tarfile.TarInfo(FOLDER)
        directory.type = tarfile.DIRTYPE
        archive.addfile(directory)
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


@pytest.fixture(params=KINDS)
def path(request, tmp_path):
    return pack(tmp_path / request.param, FILES)


def images(found):
    return found.take(np.arange(len(found))).numpy()


def numbers(found):
    """Which of the files are in a set, in its order."""
    known = {noise(number).transpose(2, 0, 1).tobytes(): number for number in range(len(FILES))}
    return [known[image.tobytes()] for image in images(found)]


def test_every_picture_is_in_one_split_pixel_for_pixel_in_the_order_of_names(path):
    loaded = data(path)
    train, test = numbers(loaded.train), numbers(loaded.test)
    assert (len(train), len(test)) == (23, 2)  # a tenth, rounded down
    assert sorted(train + test) == list(range(25))
    assert train == sorted(train) and test == sorted(test)
    assert loaded.train.labels is None and isinstance(loaded.train.pixels, np.memmap)


def test_the_order_and_the_kind_of_the_archive_do_not_count(tmp_path):
    shuffled = {name: FILES[name] for name in np.random.default_rng(0).permutation(list(FILES))}
    first = data(pack(tmp_path / "first.tar.gz", FILES))
    for name in ("second.tar.gz", "second.zip"):
        second = data(pack(tmp_path / name, shuffled))
        for split in ("train", "test"):
            assert (images(first.load(split)) == images(second.load(split))).all()


def test_the_held_out_ones_are_the_same_for_everybody(path):
    """Neither the seed of the rendering nor a subset to train on moves them; which ones they are is fixed for ever."""
    held_out = numbers(data(path).test)
    assert held_out == numbers(data(path, size=5, render_seed=9).test) == [5, 13]
    some = numbers(data(path, size=5).train)
    assert len(some) == 5 and not set(some) & set(held_out)
    assert some == numbers(data(path, size=5, flip=True, batch_size=3).train)


def test_copies_of_held_out_ones_are_held_out(tmp_path):
    """Which ones are held out without copies is as before."""
    twice = {**FILES, f"{FOLDER}/0.png": encoded(noise(5)), f"{FOLDER}/1.bmp": encoded(noise(24), "BMP")}
    found = data(pack(tmp_path / "a.zip", twice))
    train, test = numbers(found.train), numbers(found.test)
    assert not set(train) & set(test) and sorted(train + test) == sorted([*range(25), 5, 24])


@pytest.mark.parametrize("distinct", [2, 5, 40])
def test_many_copies_do_not_make_the_held_out_part_larger_than_a_tenth(tmp_path, distinct):
    """One picture of which half are copies, such as a black frame; where each has too many, the rarest."""
    files = {f"{index:02}.png": encoded(noise(index // 2 % distinct if index % 2 else 99)) for index in range(80)}
    found = data(pack(tmp_path / "a.zip", files))
    train, test = ([one.tobytes() for one in images(split)] for split in (found.train, found.test))
    assert not set(train) & set(test) and len(train) + len(test) == 80
    assert noise(99).transpose(2, 0, 1).tobytes() in train
    assert len(test) == 8 if distinct > 2 else len(test) == 20


def test_pictures_that_are_all_one_cannot_be_split(tmp_path):
    path = pack(tmp_path / "a.zip", {f"{index}.png": encoded(noise(0)) for index in range(20)})
    with pytest.raises(UserError, match=r"its 20 pictures are all one: .* name another archive, or render instead"):
        data(path).load("train")


def test_more_than_there_are_to_train_on_is_refused(path):
    with pytest.raises(UserError, match="size=24: the set has 23 images"):
        len(data(path, size=24).train)


def test_jpeg_grey_and_palette_pictures_are_read_as_rgb(tmp_path):
    grey = np.full((64, 64), 130, dtype=np.uint8)
    palette = io.BytesIO()
    Image.fromarray(np.full((64, 64, 3), (255, 0, 0), dtype=np.uint8)).quantize(4).save(palette, "PNG")
    odd = {"0/aa.jpg": encoded(grey, "JPEG"), "0/ab.JPEG": encoded(grey, "JPEG"), "0/ac.png": palette.getvalue()}
    found = data(pack(tmp_path / "odd.zip", {**odd, **FILES}))
    everything = {image[:, 0, 0].tobytes() for image in np.concatenate([images(found.train), images(found.test)])}
    assert {bytes([130, 130, 130]), bytes([255, 0, 0])} <= everything
    assert found.sample_shape == (3, 64, 64)


def test_what_is_no_picture_by_its_name_is_left_out(tmp_path):
    other = {
        "readme.txt": b"hello",
        ".DS_Store": b"x",
        f"{FOLDER}/._00.png": b"x",
        "__MACOSX/0/._a.jpg": b"",
        "a": b"1",
    }
    found = data(pack(tmp_path / "a.tar.gz", {**other, **FILES}))
    assert sorted(numbers(found.train) + numbers(found.test)) == list(range(25))


def test_what_the_files_are_like_is_said(tmp_path, capsys):
    stream = io.BytesIO()
    frames = [Image.fromarray(noise(number)) for number in range(2)]
    frames[0].save(stream, "TIFF", save_all=True, append_images=frames[1:])
    others = {"a.heif9": b"", "readme.TXT": b"", ".hidden": b"", "pages.tif": stream.getvalue()}
    path = pack(tmp_path / "a.tar.gz", {**FILES, **others, "photo.jpe": encoded(noise(0), "JPEG")})
    said = [
        "not read as pictures: 1 .heif9, 1 .txt",
        "1 of 27 pictures are of several pages or frames, of which the first is read",
    ]
    for _ in range(2):  # built, and from the cache
        loaded = data(path)
        loaded.prepare_data()
        assert loaded.remarks == ["coded by: jpeg", *said]
        assert [line.removeprefix("kantor: purdue_shapes5: ") for line in capsys.readouterr().err.splitlines()] == said


@pytest.mark.parametrize("size", [(64, 65), (63, 64), (32, 32), (128, 128), (1, 1)])
def test_a_picture_of_another_size_is_named(tmp_path, size):
    wrong = {**FILES, f"{FOLDER}/24.png": encoded(np.zeros((*size, 3), dtype=np.uint8))}
    path = pack(tmp_path / "a.tar.gz", wrong)
    with pytest.raises(
        UserError, match=rf"{FOLDER}/24\.png' is no picture of 64×64 pixels \({size[1]} × {size[0]} "
    ) as e:
        data(path).load("train")
    assert str(path) in str(e.value) and "\n" not in str(e.value)


@pytest.mark.parametrize("content", [b"", b"<html>", FILES[f"{FOLDER}/03.png"][:300]], ids=["empty", "text", "cut"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_broken_picture_is_named(tmp_path, kind, content):
    path = pack(tmp_path / kind, {**FILES, f"{FOLDER}/03.png": content})
    for _ in range(2):  # a second time, too
        with pytest.raises(UserError, match=rf"{FOLDER}/03\.png' is no picture of 64×64 pixels"):
            data(path).load("train")
    assert not list(cache.cache_root().rglob("pixels.npy"))


@pytest.mark.parametrize("n", [0, 1, 9])
def test_too_few_pictures_are_said(tmp_path, n):
    path = pack(tmp_path / "few.tar.gz", {"readme.txt": b"", **dict(list(FILES.items())[:n])})
    with pytest.raises(UserError, match=rf"few\.tar\.gz: pictures in it: {n}; expected at least 10"):
        data(path).load("train")


def test_ten_pictures_are_enough(tmp_path):
    found = data(pack(tmp_path / "ten.tar.gz", dict(list(FILES.items())[:10])))
    assert (len(found.train), len(found.test)) == (9, 1)


@pytest.mark.parametrize("kind", KINDS)
def test_a_member_that_leads_out_is_refused_before_anything_is_built(tmp_path, kind):
    path = pack(tmp_path / kind, {**FILES, "../../evil.png": encoded(noise(0))})
    with pytest.raises(UserError, match=r"the member '\.\./\.\./evil\.png' leads out of the archive"):
        data(path).load("train")
    assert {entry.name for entry in tmp_path.iterdir()} == {kind, "cache"}
    assert not list(cache.cache_root().rglob("pixels*"))


def test_a_link_in_a_tar_is_refused(tmp_path):
    path = tmp_path / "a.tar"
    pack(path, FILES)
    with tarfile.open(path, "a") as archive:
        entry = tarfile.TarInfo("link.png")
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(entry)
    with pytest.raises(UserError, match=r"the member 'link\.png' is no plain file"):
        data(path).load("train")


def test_a_link_in_a_zip_is_refused(tmp_path):
    path = pack(tmp_path / "a.zip", FILES)
    with zipfile.ZipFile(path, "a") as archive:
        info = zipfile.ZipInfo("link.png")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(UserError, match=r"the member 'link\.png' is no plain file"):
        data(path).load("train")


def test_the_archives_bounds_are_kept(path, monkeypatch):
    monkeypatch.setattr(shapes_archive, "BOUNDS", archives.Bounds(member=1 << 20, total=1 << 20, members=20))
    with pytest.raises(UserError, match="more than the 20 allowed"):
        data(path).load("train")


def test_the_fingerprint_is_that_of_the_content_not_of_the_place(path, tmp_path):
    before = data(path).fingerprint
    moved = path.rename(tmp_path / "another")
    assert data(moved, render_seed=3, batch_size=8).fingerprint == before
    assert data(moved, size=5).fingerprint != before
    other = pack(tmp_path / path.name, {**FILES, f"{FOLDER}/00.png": encoded(noise(99))})
    assert data(other).fingerprint != before
    with pytest.raises(UserError, match="have changed"):
        data(other, identity=before).prepare_data()
    data(moved, identity=before).prepare_data()


def test_what_is_built_is_not_opened_again(path, monkeypatch):
    first = images(data(path).load("train"))
    monkeypatch.setattr(archives, "members", lambda *_, **__: pytest.fail("opened again"))
    assert (images(data(path).load("train")) == first).all()
    assert numbers(data(path, size=3).test) == [5, 13]


@pytest.mark.parametrize("stopped_at", [0, 10, 24])
def test_an_interrupted_build_goes_on_and_ends_the_same(path, tmp_path, monkeypatch, stopped_at):
    whole = images(data(path).load("train"))
    monkeypatch.setenv("KANTOR_CACHE", str(tmp_path / "second"))
    decode, decoded = shapes_archive.ExactDecoder.read, []

    def interrupted(decoder, content):
        if len(decoded) == stopped_at:
            raise KeyboardInterrupt
        decoded.append(1)
        return decode(decoder, content)

    monkeypatch.setattr(shapes_archive.ExactDecoder, "read", interrupted)
    with pytest.raises(KeyboardInterrupt):
        data(path).load("train")
    decoded.clear()
    monkeypatch.setattr(shapes_archive.ExactDecoder, "read", lambda *words: decoded.append(1) or decode(*words))
    assert (images(data(path).load("train")) == whole).all()
    assert len(decoded) == 25 - stopped_at // 7 * 7


def test_the_card_of_an_archive(kantor, path, tmp_path):
    printed = kantor("data", "purdue_shapes5", f"data.archive={path}", "out=card").stdout
    assert "23 to train on, 2 held out" in printed and data(path).fingerprint in printed
    assert (tmp_path / "card" / "purdue_shapes5.png").is_file()
    said = kantor("data", "purdue_shapes5", "data.archive=nowhere.tar.gz", check=2).stderr
    assert "archive=nowhere.tar.gz: no such file" in said
