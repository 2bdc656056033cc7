import gzip
import io
import stat
import struct
import tarfile
import zipfile

import pytest
from hostile import declare

from kantor.data.archives import Bounds, DamagedMember, ZipMembers, members
from kantor.errors import UserError

BOUNDS = Bounds(member=10_000, total=25_000, members=20)
KINDS = ["a.zip", "a.tar", "a.tar.gz"]
each_kind = pytest.mark.parametrize("kind", KINDS)


def pack(path, files):
    """An archive of (name, content); content None makes a directory."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files:
                archive.writestr(name, b"" if content is None else content)
    else:
        with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as archive:
            for name, content in files:
                entry = tarfile.TarInfo(name)
                entry.type = tarfile.DIRTYPE if content is None else tarfile.REGTYPE
                entry.size = len(content or b"")
                archive.addfile(entry, io.BytesIO(content or b""))
    return path


def read(path):
    return list(members(path, bounds=BOUNDS))


def refusal(path):
    with pytest.raises(UserError) as caught:
        read(path)
    sentence = str(caught.value)
    assert str(path) in sentence and "get the archive from its source again" in sentence and "\n" not in sentence
    return sentence


@each_kind
def test_files_come_in_order_and_whole(tmp_path, kind):
    files = [("b/2.bin", bytes(range(256)) * 30), ("a.txt", b"text"), ("empty", b"")]
    path = pack(tmp_path / kind, [("b/", None), *files])
    assert read(path) == files
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [kind]  # nothing was extracted


@each_kind
def test_the_kind_is_told_by_content_not_by_name(tmp_path, kind):
    path = pack(tmp_path / kind, [("a", b"1")])
    assert read(path.rename(tmp_path / "download")) == [("a", b"1")]


@pytest.mark.parametrize("kind", ["a.tar", "a.tar.gz"])
def test_names_lose_a_leading_dot(tmp_path, kind):
    assert read(pack(tmp_path / kind, [("./", None), ("./d/a", b"1")])) == [("d/a", b"1")]


@each_kind
@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/etc/evil", "..\\evil", "C:/evil"])
def test_names_that_lead_out_are_refused(tmp_path, kind, name):
    assert f"the member {name!r} leads out" in refusal(pack(tmp_path / kind, [("good", b"1"), (name, b"2")]))


@each_kind
def test_directories_that_lead_out_are_refused(tmp_path, kind):
    assert "leads out" in refusal(pack(tmp_path / kind, [("../out/", None)]))


@pytest.mark.parametrize("kind", ["a.tar", "a.tar.gz"])
@pytest.mark.parametrize(
    "type", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, b"Z"]
)
def test_links_and_devices_in_tars_are_refused(tmp_path, kind, type):
    path = tmp_path / kind
    with tarfile.open(path, "w:gz" if kind.endswith("gz") else "w") as archive:
        entry = tarfile.TarInfo("odd")
        entry.type, entry.linkname = type, "/etc/passwd"
        archive.addfile(entry)
    assert "the member 'odd' is no plain file" in refusal(path)


@pytest.mark.parametrize("mode", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO])
def test_links_and_devices_in_zips_are_refused(tmp_path, mode):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo("odd")
        info.external_attr = (mode | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    assert "the member 'odd' is no plain file" in refusal(path)


@each_kind
def test_a_member_above_its_bound_is_refused(tmp_path, kind):
    assert len(read(pack(tmp_path / kind, [("fits", bytes(10_000))]))) == 1
    sentence = refusal(pack(tmp_path / kind, [("big", bytes(10_001))]))
    assert "'big' has 10,001 bytes, more than the 10,000 allowed" in sentence


@each_kind
def test_the_sum_of_members_is_bounded(tmp_path, kind):
    files = [(f"{index}", bytes(9000)) for index in range(3)]
    assert "'2' brings it above the 25,000 bytes" in refusal(pack(tmp_path / kind, files))


@each_kind
def test_the_number_of_entries_is_bounded_directories_included(tmp_path, kind):
    files = [(f"d{index}/", None) for index in range(10)] + [(f"{index}", b"") for index in range(11)]
    assert "is entry 21, more than the 20 allowed" in refusal(pack(tmp_path / kind, files))


@each_kind
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_may_come_once(tmp_path, kind):
    assert "'a' is in it twice" in refusal(pack(tmp_path / kind, [("a", b"1"), ("a", b"2")]))


@each_kind
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_cut_archive_is_refused(tmp_path, kind, share):
    noise = b"".join(struct.pack(">Q", index * 0x9E3779B97F4A7C15 % 2**64) for index in range(1000))
    path = pack(tmp_path / kind, [("a", noise), ("b", noise[::-1])])
    whole = path.read_bytes()
    content = len(whole) if kind != "a.tar" else 2 * (512 + 8192)  # without the padding at a tar's end
    path.write_bytes(whole[: int(content * share)])
    assert "is damaged (" in refusal(path)


@each_kind
def test_a_flipped_byte_is_found(tmp_path, kind):
    noise = b"".join(struct.pack(">Q", index * 0x9E3779B97F4A7C15 % 2**64) for index in range(1000))
    path = pack(tmp_path / kind, [("a", noise)])
    damaged = bytearray(path.read_bytes())
    damaged[300 if kind == "a.tar" else len(damaged) // 2] ^= 0x10  # a tar has checksums for headers only
    path.write_bytes(damaged)
    assert "is damaged" in refusal(path)


def test_of_a_zip_with_one_damaged_member_the_others_can_be_read(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in "abc":
            archive.writestr(name, name * 100)
    path.write_bytes(path.read_bytes().replace(b"b" * 100, b"b" * 99 + b"x"))
    with ZipMembers(path, bounds=BOUNDS) as archive:
        with pytest.raises(DamagedMember) as caught:
            archive.read("b")
        assert (archive.read("a"), archive.read("c")) == (b"a" * 100, b"c" * 100)
    sentence = f"{path}: the member 'b' is damaged (its checksum is wrong): get the archive from its source again"
    assert str(caught.value) == sentence == refusal(path)
    assert caught.value.reason == "its checksum is wrong"


def test_a_damaged_second_header_is_not_taken_for_the_end_of_a_tar(tmp_path):
    path = pack(tmp_path / "a.tar", [("a", bytes(512)), ("b", bytes(512))])
    damaged = bytearray(path.read_bytes())
    damaged[1024 + 150] ^= 1  # in b's checksum
    path.write_bytes(damaged)
    assert "a header cannot be read" in refusal(path)


def bomb(path, *, declared):
    """A zip whose member inflates to a mebibyte and declares another size."""
    return declare(pack(path, [("bomb", bytes(1 << 20))]), {"bomb": declared})


def test_an_honest_bomb_is_refused_by_its_declared_size(tmp_path):
    assert "1,048,576 bytes" in refusal(bomb(tmp_path / "a.zip", declared=1 << 20))


def test_a_lying_bomb_is_refused_while_it_is_read(tmp_path):
    assert "'bomb' is damaged" in refusal(bomb(tmp_path / "a.zip", declared=100))


def test_a_zip_that_declares_too_much_is_refused(tmp_path):
    path = pack(tmp_path / "a.zip", [("short", b"12345")])
    packed = bytearray(path.read_bytes())
    central = packed.index(b"PK\x01\x02")
    packed[central + 24 : central + 28] = struct.pack("<I", 50)
    path.write_bytes(packed)
    assert "the member 'short' is damaged (it has 5 bytes where 50 are declared)" in refusal(path)


def test_a_tar_whose_name_is_a_bomb_is_refused_before_it_is_read(tmp_path):
    """A long name is read in one piece of declared length: 64 MiB of it here, in 64 KiB of gzip."""
    entry = tarfile.TarInfo("././@LongLink")
    entry.type, entry.size = tarfile.GNUTYPE_LONGNAME, 1 << 26
    path = tmp_path / "a.tar.gz"
    with gzip.open(path, "wb") as handle:
        handle.write(entry.tobuf(tarfile.GNU_FORMAT))
        for _ in range(64):
            handle.write(bytes(1 << 20))
    assert path.stat().st_size < 100_000
    assert "holds more than it may" in refusal(path)
    with pytest.raises(UserError, match="holds more than it may"):  # though all members together might be as large
        list(members(path, bounds=Bounds(member=10_000, total=1 << 40, members=20)))


def test_what_follows_the_end_of_a_tar_is_bounded_too(tmp_path):
    path = pack(tmp_path / "a.tar", [("a", b"1")])
    path.write_bytes(gzip.compress(path.read_bytes() + bytes(1 << 22)))
    assert "holds more than it may" in refusal(path)


def test_encrypted_and_unusual_zips_are_refused(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a", b"1" * 100)
    assert "'a' is compressed by method 14" in refusal(path)
    packed = bytearray(pack(path, [("a", b"1")]).read_bytes())
    packed[packed.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(packed)
    assert "'a' is encrypted" in refusal(path)


def test_files_that_are_no_archives_are_refused(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"<html>quota exceeded</html>" * 100)
    assert "is damaged" in refusal(tmp_path / "a.zip")
    (tmp_path / "empty.zip").touch()
    assert "is damaged" in refusal(tmp_path / "empty.zip")
    with pytest.raises(UserError, match=r"is no \.zip"):
        ZipMembers(tmp_path / "a.zip", bounds=BOUNDS)
    with pytest.raises(UserError, match=r"missing\.zip cannot be read"):
        read(tmp_path / "missing.zip")


def test_zip_members_are_read_by_name(tmp_path):
    path = pack(tmp_path / "a.zip", [("d/", None), ("d/a", b"1"), ("b", b"2")])
    with ZipMembers(path, bounds=BOUNDS) as archive:
        assert archive.names == ["d/a", "b"]
        assert [archive.read("b"), archive.read("d/a"), archive.read("b")] == [b"2", b"1", b"2"]


def test_a_large_member_of_almost_nothing_is_refused_and_a_small_one_is_not(tmp_path, monkeypatch):
    monkeypatch.setattr("kantor.data.archives.SMALL", 5_000)
    assert read(pack(tmp_path / "a.zip", [("zeros", bytes(5_000))])) == [("zeros", bytes(5_000))]
    assert "is packed into less than a 200th of its size" in refusal(
        pack(tmp_path / "b.zip", [("zeros", bytes(9_000))])
    )
