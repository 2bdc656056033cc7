import functools
import io
import json
import re
import signal
import stat
import subprocess
import sys
import time
import tracemalloc
import zipfile

import numpy as np
import pytest
from hostile import declare, huge_png
from mirrors import configured
from PIL import Image

from kantor import marks
from kantor.data import cache, celeba, manifest, pictures
from kantor.errors import UserError

NAMES = [f"{number:06}.jpg" for number in range(1, 25)]


data = functools.partial(configured, "celeba")


def face(number):
    """178 × 218 with its number as the grey of the central 148 × 148 and white around; as JPEG."""
    image = Image.new("RGB", (178, 218), "white")
    image.paste((number * 5,) * 3, (10, 30, 168, 188))
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=95)
    return stream.getvalue()


FACES = {name: face(number) for number, name in enumerate(NAMES)}


def zipped(path, files=FACES):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("img_align_celeba/", b"")
        for name, content in reversed(files.items()):  # the order of the archive does not count
            archive.writestr(f"img_align_celeba/{name}", content)
    return path


def unzipped(directory, files=FACES):
    directory.mkdir(parents=True)
    for name, content in files.items():
        (directory / name).write_bytes(content)


@pytest.fixture
def root(tmp_path):
    zipped(tmp_path / "data" / "celeba" / "img_align_celeba.zip")
    return tmp_path / "data"


def partition(root, lines):
    path = root / "celeba" / "list_eval_partition.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


OFFICIAL = [f"{name} {0 if index < 15 else 1 if index < 20 else 2}" for index, name in enumerate(NAMES)]


def numbers(found):
    """Which faces are in a set."""
    return [round(int(picture[0, 32, 32]) / 5) for picture in found.take(np.arange(len(found))).numpy()]


def test_faces_are_cut_resized_and_in_the_order_of_their_names(root):
    partition(root, OFFICIAL)
    found = data(root)
    assert found.sample_shape == (3, 64, 64)
    assert numbers(found.load("train")) == list(range(15))
    assert numbers(found.load("test")) == list(range(20, 24))
    assert found.load("train").labels is None
    first = found.load("train").take(np.array([10])).numpy()[0]
    assert np.abs(first.astype(int) - 50).max() <= 2  # nothing of the white around


def test_the_cut_is_pillows_crop_and_antialiased_bilinear(root):
    noise = Image.fromarray(np.random.default_rng(0).integers(256, size=(218, 178, 3), dtype=np.uint8))
    stream = io.BytesIO()
    noise.save(stream, "PNG")
    zipped(root / "noise.zip", {"000001.jpg": stream.getvalue(), "000002.jpg": FACES["000002.jpg"]})
    expected = noise.crop((15, 35, 163, 183)).resize((64, 64), Image.Resampling.BILINEAR)
    found = data(root, archive=str(root / "noise.zip")).load("train")
    assert (found.pixels[0] == np.asarray(expected).transpose(2, 0, 1)).all()


def test_without_a_partition_a_fixed_twentieth_is_held_out(root, tmp_path):
    found = data(root)
    train, test = numbers(found.load("train")), numbers(found.load("test"))
    assert len(test) == 1 and sorted(train + test) == list(range(24))
    unzipped(tmp_path / "folder" / "celeba" / "img_align_celeba")
    assert numbers(data(tmp_path / "folder").load("test")) == test


@pytest.mark.parametrize("place", ["celeba/img_align_celeba", "img_align_celeba"])
def test_a_folder_does_as_well(root, tmp_path, place):
    unzipped(tmp_path / "folder" / place)
    partition(tmp_path / "folder", OFFICIAL)
    partition(root, OFFICIAL)
    for split in ("train", "test"):
        zip_set, folder_set = data(root).load(split), data(tmp_path / "folder").load(split)
        assert (zip_set.pixels == folder_set.pixels).all() and (zip_set.rows == folder_set.rows).all()


def test_an_archive_can_be_named(root, tmp_path):
    moved = (root / "celeba" / "img_align_celeba.zip").rename(tmp_path / "faces.zip")
    assert len(data(root, archive=str(moved)).load("train")) == 23
    (tmp_path / "list_eval_partition.txt").write_text("\n".join(OFFICIAL))
    assert len(data(root, archive=str(moved)).load("train")) == 15  # the partition beside the archive


KAGGLE = ["image_id,partition", *(line.replace(" ", ",") for line in OFFICIAL)]
TEXT = "\n".join(OFFICIAL)
FORMS = {
    "as published": ("list_eval_partition.txt", TEXT.encode()),
    "Kaggle's table": ("list_eval_partition.csv", "\n".join(KAGGLE).encode()),
    "Kaggle's table, by a spreadsheet": ("list_eval_partition.csv", "\r\n".join(KAGGLE).encode("utf-8-sig")),
    "with semicolons and quotes": (
        "list_eval_partition.csv", "\n".join(f'"{name}";{kind}' for name, kind in map(str.split, OFFICIAL)).encode()
    ),
    "a byte-order mark": ("list_eval_partition.txt", TEXT.encode("utf-8-sig")),
    "UTF-16": ("list_eval_partition.txt", TEXT.encode("utf-16")),
    "Windows' ends of lines": ("list_eval_partition.txt", TEXT.replace("\n", "\r\n").encode()),
    "tabs": ("list_eval_partition.txt", TEXT.replace(" ", "\t").encode()),
}  # fmt: skip
PLACES = ["celeba", "celeba/Eval", "Eval", ".", "celeba/img_align_celeba"]


@pytest.mark.parametrize("form", FORMS)
def test_the_partition_is_read_in_every_form(root, form):
    name, content = FORMS[form]
    partition(root, OFFICIAL)
    expected = data(root)
    (root / "celeba" / "list_eval_partition.txt").unlink()
    (root / "celeba" / name).write_bytes(content)
    found = data(root)
    assert numbers(found.load("train")) == list(range(15)) and numbers(found.load("test")) == list(range(20, 24))
    assert found.fingerprint == expected.fingerprint and found.split_rule == "the official partition"


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", ["list_eval_partition.txt", "list_eval_partition.csv"])
def test_the_partition_is_found_where_archives_leave_it(root, place, name):
    (root / place).mkdir(parents=True, exist_ok=True)
    (root / place / name).write_text("\n".join(OFFICIAL if name.endswith("txt") else KAGGLE))
    unzipped(root / "celeba" / "faces")
    (root / "celeba" / "img_align_celeba.zip").unlink()
    if place.endswith("celeba"):
        (root / "celeba" / "img_align_celeba").mkdir(exist_ok=True)
        for file in (root / "celeba" / "faces").iterdir():
            file.rename(root / "celeba" / "img_align_celeba" / file.name)
    else:
        (root / "celeba" / "faces").rename(root / "celeba" / "img_align_celeba")
    assert numbers(data(root).load("test")) == list(range(20, 24))


def test_the_archives_own_three_directories_do(tmp_path):
    zipped(tmp_path / "Img" / "img_align_celeba.zip")
    (tmp_path / "Eval").mkdir()
    (tmp_path / "Eval" / "list_eval_partition.txt").write_text(TEXT)
    assert numbers(data(tmp_path).load("test")) == list(range(20, 24))


def test_the_partition_within_the_archive_is_read(root):
    with zipfile.ZipFile(root / "celeba" / "img_align_celeba.zip", "a") as archive:
        archive.writestr("list_eval_partition.csv", "\n".join(KAGGLE))
    assert numbers(data(root).load("test")) == list(range(20, 24))


def test_pictures_as_png_have_the_partition_of_the_jpegs(tmp_path):
    unzipped(tmp_path / "img_align_celeba", {name.replace("jpg", "png"): FACES[name] for name in NAMES})
    (tmp_path / "list_eval_partition.txt").write_text(TEXT)
    assert numbers(data(tmp_path).load("test")) == list(range(20, 24))


def test_without_a_partition_the_rule_says_so(root, capsys):
    rule = "the 5% of the pictures with the lowest digests of their pixels, for want of the official one"
    assert data(root).split_rule == rule
    data(root).load("train")
    assert f"kantor: celeba: held out are {rule}\n" in capsys.readouterr().err
    partition(root, OFFICIAL)
    data(root).load("train")
    assert "held out are" not in capsys.readouterr().err


def test_missing_files_are_named_with_their_source(tmp_path):
    with pytest.raises(UserError, match=r"celeba/img_align_celeba\.zip or .*mmlab.*data\.archive=PATH"):
        data(tmp_path).describe()
    with pytest.raises(UserError, match=r"expected .*other\.zip"):
        data(tmp_path, archive=str(tmp_path / "other.zip")).describe()


def test_the_fingerprint_knows_files_and_settings_but_not_their_place(root, tmp_path):
    found = [data(root, **changed).fingerprint for changed in ({}, {"crop": 100}, {"image_size": 32}, {"size": 3})]
    found.append((partition(root, OFFICIAL), data(root).fingerprint)[1])
    found.append((partition(root, [*OFFICIAL[:-1], f"{NAMES[-1]} 0"]), data(root).fingerprint)[1])
    zipped(root / "celeba" / "img_align_celeba.zip", dict(list(FACES.items())[:-1]))
    found.append(data(root).fingerprint)
    assert len(set(found)) == len(found)
    assert data(root.rename(tmp_path / "moved"), broken="skip", flip=False).fingerprint == found[-1]
    json.dumps(data(tmp_path / "moved").describe())


@pytest.mark.parametrize(
    "line", ["000007.jpg", "000007.jpg 3", "000007.jpg x", "000007.jpg 0 0", "000006.jpg 0", "<html>", "\x00\x01 0 2"]
)
def test_wrong_lines_of_the_partition_are_named(root, line):
    path = partition(root, [*OFFICIAL[:6], line, *OFFICIAL[7:]])
    with pytest.raises(UserError, match=rf"{path}, line 7: "):
        data(root).load("train")


def test_a_picture_without_a_line_is_named(root):
    partition(root, OFFICIAL[:-1])
    with pytest.raises(UserError, match=r"list_eval_partition\.txt has no line for 000024\.jpg"):
        data(root).load("train")
    assert not list((cache.cache_root() / "data").rglob("*.npy*"))  # told before anything is decoded


def test_lines_of_absent_pictures_and_empty_lines_do_no_harm(root):
    partition(root, ["", *OFFICIAL, "202599.jpg 2", ""])
    assert len(data(root).load("test")) == 4


def test_empty_splits_are_refused(root):
    partition(root, [f"{name} 0" for name in NAMES])
    remedy = r"gives the number 2 \(test\) to none of the 24 pictures that are there: take some .*, or move it away"
    with pytest.raises(UserError, match=remedy):
        data(root).load("test")
    partition(root, [f"{name} 2" for name in NAMES])
    with pytest.raises(UserError, match=r"gives the number 0 \(train\) to none"):
        data(root).load("train")


def test_a_split_of_broken_pictures_is_refused_with_a_remedy(root):
    broken = {name: b"no picture" for name in NAMES[20:]}
    zipped(root / "celeba" / "img_align_celeba.zip", {**FACES, **broken})
    partition(root, OFFICIAL)
    with pytest.raises(UserError, match=r"the test split of celeba has no whole picture: .*mend them, or add others"):
        data(root, broken="skip").load("test")


def test_what_is_not_read_of_a_directory_is_said(tmp_path, capsys):
    unzipped(tmp_path / "img_align_celeba")
    (tmp_path / "img_align_celeba" / "000025.xcf").touch()
    marks.claim(tmp_path / "img_align_celeba" / "outputs")
    said = ["not read as pictures: 1 .xcf", "left out, since kantor wrote it: outputs/"]
    assert [remark for remark in data(tmp_path).remarks if remark in said] == said
    err = capsys.readouterr().err
    assert all(f"kantor: celeba: {words}\n" in err for words in said)


@pytest.mark.parametrize(
    ("member", "content"),
    [
        ("000003.jpg", FACES["000003.jpg"][:400]),
        ("000003.jpg", b""),
        ("000003.jpg", b"<html></html>"),
    ],
)
def test_broken_pictures_stop_or_are_skipped(root, member, content, capsys):
    zipped(root / "celeba" / "img_align_celeba.zip", {**FACES, member: content})
    partition(root, OFFICIAL)
    with pytest.raises(UserError, match=r"celeba: 1 of .* broken: img_align_celeba/000003\.jpg \(.* data\.broken=skip"):
        data(root).load("train")
    assert numbers(data(root, broken="skip").load("train")) == [0, 1, *range(3, 15)]
    assert "1 of 24 pictures are broken and left out" in capsys.readouterr().err


def test_a_member_with_a_wrong_checksum_is_a_broken_picture(root, capsys):
    """One bit of a stored picture, whose JPEG Pillow would still decode."""
    path = root / "celeba" / "img_align_celeba.zip"
    damaged = bytearray(path.read_bytes())
    content = FACES["000003.jpg"]
    damaged[damaged.index(content) + len(content) - 30] ^= 1
    path.write_bytes(damaged)
    partition(root, OFFICIAL)
    reason = r"img_align_celeba/000003\.jpg \(its checksum is wrong\)"
    with pytest.raises(UserError, match=rf"1 of the first 24 pictures is broken: {reason}; .* data\.broken=skip"):
        data(root).load("train")
    assert numbers(data(root, broken="skip").load("train")) == [0, 1, *range(3, 15)]
    assert "1 of 24 pictures are broken and left out: img_align_celeba/000003.jpg (its" in capsys.readouterr().err


def test_an_archive_that_cannot_be_read_on_is_no_broken_picture(root, monkeypatch):
    def failing(*_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(zipfile.ZipExtFile, "read", failing)
    with pytest.raises(UserError, match=r"img_align_celeba\.zip: the member .* Input/output error"):
        data(root, broken="skip").load("train")


def test_pictures_smaller_than_the_crop_are_broken(root):
    with pytest.raises(UserError, match="178 × 218 pixels, smaller than the crop of 200"):
        data(root, crop=200).load("train")


def leading_out(path):
    zipped(path, {**FACES, "../../../../escaped.jpg": face(0)})


def absolute(path):
    with zipfile.ZipFile(zipped(path), "a") as archive:
        archive.writestr(str(path.parent / "escaped.jpg"), face(0))


def linked(path):
    info = zipfile.ZipInfo("img_align_celeba/escaped.jpg")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(zipped(path), "a") as archive:
        archive.writestr(info, "/etc/passwd")


def honest_bomb(path):
    """A thousandth of what it holds, one byte above the bound of a picture."""
    with zipfile.ZipFile(zipped(path), "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("img_align_celeba/bomb.jpg", bytes((1 << 24) + 1))
    assert path.stat().st_size < 1 << 18


def bomb_of_many(path):
    """None above the bound of a picture, together above that of the archive by one."""
    names = [f"{number:06}.jpg" for number in range(2049)]
    zipped(path, dict.fromkeys(names, b"small"))
    declare(path, {f"img_align_celeba/{name}": 1 << 24 for name in names})


REFUSED = {
    leading_out: r"'img_align_celeba/\.\./\.\./\.\./\.\./escaped\.jpg' leads out of the archive",
    absolute: r"'/.*/escaped\.jpg' leads out of the archive",
    linked: r"'img_align_celeba/escaped\.jpg' is no plain file but a link",
    honest_bomb: r"'img_align_celeba/bomb\.jpg' has 16,777,217 bytes, more than the 16,777,216 allowed",
    bomb_of_many: r"'img_align_celeba/\d+\.jpg' brings it above the 34,359,738,368 bytes allowed in all",
}


def huge(path):
    zipped(path, {**FACES, NAMES[2]: huge_png(50_000)})


def truncated(path):
    zipped(path, {**FACES, NAMES[2]: FACES[NAMES[2]][:-100]})


def lying_bomb(path):
    """Declares a hundred bytes and holds 64 MiB."""
    content = dict(FACES)
    del content[NAMES[2]]
    with zipfile.ZipFile(zipped(path, content), "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"img_align_celeba/{NAMES[2]}", bytes(1 << 26))
    declare(path, {f"img_align_celeba/{NAMES[2]}": 100})


BROKEN = {
    huge: "2500000000 pixels.* decompression bomb",
    truncated: "truncated",
    lying_bomb: "its checksum is wrong",
}


@pytest.fixture
def stranger(tmp_path, monkeypatch):
    """A place for a stranger's archive, deep enough that what leads out of it or of the working directory stays in
    tmp_path; other pictures are in the cache already. When the test is done, nothing may have been written but into
    the cache, the other pictures are what they were, and a right archive in the same place is built."""
    place = tmp_path / "a" / "b" / "c" / "d" / "faces.zip"
    place.parent.mkdir(parents=True)
    monkeypatch.chdir(place.parent)
    other = zipped(tmp_path / "other.zip", dict(list(FACES.items())[:10]))
    data(tmp_path, archive=str(other)).load("train")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    yield place
    after = {path for path in tmp_path.rglob("*") if not path.is_dir()}
    assert all(path.read_bytes() == content for path, content in before.items())
    for path in after - {*before, place}:
        inside = path.relative_to(tmp_path / "cache").as_posix()
        assert re.fullmatch(
            r"\.kantor|digests/\w+\.json|data/celeba-\w+/(lock|(names|broken|notes)\.json|(pixels|digests)\.npy.*)",
            inside,
        )
    zipped(place)
    partition(tmp_path, OFFICIAL)
    assert numbers(data(tmp_path, archive=str(place)).load("train")) == list(range(15))


@pytest.mark.parametrize("broken", ["stop", "skip"])
@pytest.mark.parametrize(("make", "expected"), REFUSED.items())
def test_hostile_archives_are_refused(stranger, make, expected, broken):
    make(stranger)
    with pytest.raises(UserError, match=expected) as caught:
        data(stranger.parent, archive=str(stranger), broken=broken).load("train")
    sentence = str(caught.value)
    assert sentence.startswith(f"{stranger}: the member ") and "\n" not in sentence
    assert len(list(cache.cache_root().rglob("pixels*"))) == 1  # of the other pictures


@pytest.mark.parametrize(("make", "reason"), BROKEN.items())
def test_hostile_pictures_stop_and_are_named(stranger, make, reason):
    make(stranger)
    expected = rf"^celeba: 1 of the first 24 pictures is broken: img_align_celeba/000003\.jpg \(.*{reason}"
    with pytest.raises(UserError, match=expected) as caught:
        data(stranger.parent, archive=str(stranger)).load("train")
    assert "data.broken=skip" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(("make", "reason"), BROKEN.items())
def test_hostile_pictures_can_be_skipped(stranger, make, reason, capsys):
    make(stranger)
    tracemalloc.start()
    found = data(stranger.parent, archive=str(stranger), broken="skip")
    shown = sorted(numbers(found.load("train")) + numbers(found.load("test")))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert shown == [0, 1, *range(3, 24)]
    assert peak < 1 << 24  # of the bomb no more is inflated than it declares
    assert re.search(rf"1 of 24 pictures are broken and left out: \S+000003\.jpg \(.*{reason}", capsys.readouterr().err)


@pytest.mark.parametrize("kind", ["zip", "folder"])
def test_what_macos_puts_beside_the_pictures_is_none(root, tmp_path, kind):
    """A zip that was repacked on a Mac holds a ._NAME for each picture; so does a directory on a foreign disk."""
    litter = {"__MACOSX/img_align_celeba/._000001.jpg": b"Mac OS X", "._000002.jpg": b"", ".Trashes/000003.jpg": b"x"}
    if kind == "zip":
        path = zipped(tmp_path / "mac" / "celeba" / "img_align_celeba.zip", {**FACES, **litter})
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("__MACOSX/img_align_celeba/._000004.jpg", b"Mac OS X")
    else:
        for name, content in {**FACES, **litter}.items():
            path = tmp_path / "mac" / "img_align_celeba" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    for split in ("train", "test"):
        assert numbers(data(tmp_path / "mac").load(split)) == numbers(data(root).load(split))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.jpg", True),
        ("d/e/A.JPEG", True),
        ("._a.jpg", False),
        ("d/._a.jpg", False),
        (".d/a.jpg", False),
        ("d/.e/a.jpg", False),
        (".jpg", False),
        ("a.txt", False),
        ("a", False),
        ("a.b.png", True),
    ],
)
def test_which_names_are_pictures_is_the_same_everywhere(tmp_path, name, expected):
    assert manifest.is_picture(name) is expected
    path = tmp_path / "folder" / name
    path.parent.mkdir(parents=True)
    path.touch()
    assert manifest.Manifest(tmp_path / "folder").names == ([name] if expected else [])


@pytest.mark.parametrize("kind", ["zip", "folder"])
def test_sources_without_pictures_are_refused(tmp_path, kind):
    if kind == "zip":
        zipped(tmp_path / "celeba" / "img_align_celeba.zip", {"readme.txt": b"no faces"})
    else:
        unzipped(tmp_path / "img_align_celeba", {"readme.txt": b"no faces"})
    with pytest.raises(UserError, match=r"has no pictures: expected the faces of CelebA"):
        data(tmp_path).load("train")


def test_what_is_built_is_not_opened_again(root, monkeypatch):
    before = data(root).load("train")
    monkeypatch.setattr(celeba, "_ZipPictures", lambda *_: pytest.fail("opened again"))
    assert (data(root).load("train").pixels == before.pixels).all()


@pytest.mark.parametrize("stopped_at", [0, 9, 23])
def test_an_interrupted_build_goes_on_and_ends_the_same(root, tmp_path, monkeypatch, stopped_at):
    monkeypatch.setattr(cache, "CHUNK", 5)
    whole = data(root).load("train")
    monkeypatch.setenv("KANTOR_CACHE", str(tmp_path / "second"))
    read = celeba._ZipPictures.read

    def interrupted(archive, name):
        if name.endswith(NAMES[stopped_at]):
            raise KeyboardInterrupt
        return read(archive, name)

    monkeypatch.setattr(celeba._ZipPictures, "read", interrupted)
    with pytest.raises(KeyboardInterrupt):
        data(root).load("train")
    names = []
    monkeypatch.setattr(celeba._ZipPictures, "read", lambda archive, name: names.append(name) or read(archive, name))
    resumed = data(root).load("train")
    assert len(names) == 24 - stopped_at // 5 * 5
    assert same_files(tmp_path / "cache", tmp_path / "second")
    assert (resumed.rows == whole.rows).all()


KILLED = """
import time
from kantor.data import cache, celeba, pictures
cache.CHUNK = 3
decode = pictures.Decoder.read
def slow(decoder, content):
    time.sleep(0.1)
    return decode(decoder, content)
pictures.Decoder.read = slow
celeba.CelebA(name="celeba", batch_size=4, size=None, flip=True, resident=False, identity="auto", seed=0, root="data",
              archive=None, crop=148, image_size=64, broken="stop").load("train")
"""


@pytest.mark.long
def test_a_killed_build_goes_on_and_ends_the_same(root, tmp_path, monkeypatch):
    """SIGKILL, in a process of its own, once a few chunks are there; what files are like is noted by chunk."""
    monkeypatch.setattr(cache, "CHUNK", 3)
    data(root).load("train")
    monkeypatch.setenv("KANTOR_CACHE", str(tmp_path / "second"))
    process = subprocess.Popen([sys.executable, "-c", KILLED], cwd=tmp_path)
    deadline = time.monotonic() + 60
    while not list((tmp_path / "second").rglob("*.progress.json")):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    left = {path.name for path in (tmp_path / "second").rglob("pixels*")}
    assert "pixels.npy.partial" in left and "pixels.npy" not in left
    decoded = []
    decode = pictures.Decoder.read
    monkeypatch.setattr(pictures.Decoder, "read", lambda *words: decoded.append(1) or decode(*words))
    data(root).load("train")
    assert 0 < len(decoded) < 24
    assert same_files(tmp_path / "cache", tmp_path / "second")


def same_files(first, second):
    """Whether two caches hold the same prepared data, byte for byte, and nothing half-done."""
    found = [
        {path.relative_to(top): path.read_bytes() for path in (top / "data").rglob("*") if path.is_file()}
        for top in (first, second)
    ]
    names = {"lock", "names.json", "notes.json", "broken.json", "pixels.npy", "digests.npy"}
    return found[0] == found[1] and {path.name for path in found[0]} == names
