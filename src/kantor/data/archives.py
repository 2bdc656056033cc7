"""Archives of files, read member by member in memory, without trusting them: nothing is extracted to the disk; names,
kinds, counts and sizes are bounded, the declared ones as well as those that come out while reading.

.zip (stored or deflated), .tar and .tar.gz, told apart by their content. Every refusal is one `UserError` sentence that
names the archive and the member.
"""

import contextlib
import gzip
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from kantor.errors import UserError
from kantor.plain_files import Unreadable, opened

COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
ENCRYPTED = 0x1  # bit of a zip member's flags
CONTENT_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, struct.error)  # of what was read, not of reading
MOST_PACKED = 200  # times that a large member may be larger than it is packed: deflate reaches 1032 with zeros
SMALL = 1 << 26  # bytes of a member that may be packed as it likes
HEADER_SLACK = 1 << 20  # bytes by which a tar's long names and padding may exceed what its members hold


@dataclass(frozen=True)
class Bounds:
    """How much an archive may hold.

    Attributes:
        member: bytes of one file.
        total: bytes of all files together.
        members: how many entries, directories included.
    """

    member: int
    total: int
    members: int


def members(path: Path, *, bounds: Bounds) -> Iterator[tuple[str, bytes]]:
    """(name, content) of every file in an archive, in its order; names are relative and plain, without a leading "./".

    Raises:
        UserError: the archive is missing, damaged or larger than `bounds`, or a member is no plain file below it.
    """
    if magic(path) == b"PK":
        with ZipMembers(path, bounds=bounds) as archive:
            for name in archive.names:
                yield name, archive.read(name)
    else:
        yield from _tar_members(path, bounds)


def magic(path: Path) -> bytes:
    """The first two bytes of a file.

    Raises:
        UserError: it cannot be read.
    """
    with _plain(path) as handle:
        return handle.read(2)


def _plain(path: Path) -> BufferedReader:
    try:
        return opened(path)
    except Unreadable as error:
        raise UserError(f"{path} cannot be read (it {error}): expected a .zip, .tar or .tar.gz file") from error


class DamagedMember(UserError):
    """The content of a zip's member is not what was packed; the other members may well be whole.

    Attributes:
        reason: in what way.
    """

    def __init__(self, path: Path, name: str, reason: str) -> None:
        super().__init__(f"{path}: the member {name!r} is damaged ({reason}): get the archive from its source again")
        self.reason = reason


class ZipMembers:
    """The files of a .zip by name, checked when it is opened; a context manager, readable from several threads.

    Args:
        path: the archive.
        bounds: how much it may hold.

    Attributes:
        names: of the files, in the archive's order.

    Raises:
        UserError: as `members()`.
    """

    def __init__(self, path: Path, *, bounds: Bounds) -> None:
        self.path = path
        if magic(path) != b"PK":
            raise refused(path, None, "is no .zip")
        self._file = _plain(path)
        try:
            with _damage(path):
                self._archive = zipfile.ZipFile(self._file)
            self._infos = self._checked(bounds)
        except BaseException:
            self._file.close()
            raise
        self.names = list(self._infos)

    def __enter__(self) -> "ZipMembers":
        return self

    def __exit__(self, *_: object) -> None:
        self._archive.close()
        self._file.close()

    def _checked(self, bounds: Bounds) -> dict[str, zipfile.ZipInfo]:
        tally = _Tally(self.path, bounds)
        infos: dict[str, zipfile.ZipInfo] = {}
        for info in self._archive.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)  # 0 where the packer kept no Unix mode
            if info.is_dir():
                tally.entry(info.filename)
                continue
            if kind not in (0, stat.S_IFREG):
                raise refused(self.path, info.filename, "is no plain file but a link or a device")
            if info.flag_bits & ENCRYPTED:
                raise refused(self.path, info.filename, "is encrypted")
            if info.compress_type not in COMPRESSIONS:
                raise refused(self.path, info.filename, f"is compressed by method {info.compress_type}, not deflated")
            if info.file_size > max(SMALL, MOST_PACKED * info.compress_size):
                raise refused(self.path, info.filename, f"is packed into less than a {MOST_PACKED}th of its size")
            infos[tally.file(info.filename, info.file_size)] = info
        return infos

    def read(self, name: str) -> bytes:
        """The content of a file.

        Raises:
            DamagedMember: its checksum is wrong, or it is not as large as it is declared to be.
            UserError: the archive cannot be read.
        """
        info = self._infos[name]
        with _damage(self.path, name):
            try:
                with self._archive.open(info) as handle:  # stops at the declared size and checks the CRC there
                    content = handle.read(info.file_size + 1)
            except CONTENT_ERRORS as error:
                reason = "its checksum is wrong" if "CRC-32" in str(error) else str(error) or "it stops before its end"
                raise DamagedMember(self.path, name, reason) from error
        if len(content) != info.file_size:
            raise DamagedMember(self.path, name, f"it has {len(content)} bytes where {info.file_size} are declared")
        return content


def _tar_members(path: Path, bounds: Bounds) -> Iterator[tuple[str, bytes]]:
    tally = _Tally(path, bounds)
    with _opened(path) as raw:
        stream: Any = _Guarded(raw, path, bounds)
        with _damage(path):
            archive = tarfile.TarFile(fileobj=stream)
        while True:
            with _damage(path):
                entry = archive.next()
            if entry is None:
                break
            archive.members.clear()  # type: ignore[attr-defined]  # tarfile would keep every header
            if entry.isdir():
                tally.entry(entry.name)
                continue
            if not entry.isreg() or entry.issparse():
                raise refused(path, entry.name, "is no plain file but a link, a device or sparse")
            name = tally.file(entry.name, entry.size)
            with _damage(path, name):
                handle = archive.extractfile(entry)
                assert handle is not None
                content = handle.read()
            if len(content) != entry.size:
                raise refused(path, name, f"has {len(content)} bytes where {entry.size} are declared")
            yield name, content
        if stream.last != bytes(tarfile.BLOCKSIZE):  # tarfile takes any damaged header, and a cut, for the end
            raise refused(path, None, "is damaged (it stops before its end, or a header cannot be read)")
        with _damage(path):
            while stream.read(1 << 16):  # to gzip's checksum
                pass


def _opened(path: Path) -> IO[bytes]:
    packed = magic(path) == b"\x1f\x8b"
    handle = _plain(path)
    return cast(IO[bytes], gzip.GzipFile(fileobj=handle)) if packed else handle


class _Guarded:
    """A stream that refuses to hand out more than an archive may hold: tarfile reads long names, whose length the
    archive declares, in one piece, before anybody can look at them."""

    def __init__(self, raw: IO[bytes], path: Path, bounds: Bounds) -> None:
        self._raw, self._path, self.last = raw, path, b""
        self._piece = bounds.member + HEADER_SLACK
        self._end = bounds.total + bounds.members * 4 * tarfile.BLOCKSIZE + HEADER_SLACK

    def _check(self, size: int) -> None:
        if size > self._piece or self._raw.tell() + size > self._end:
            raise refused(self._path, None, "holds more than it may")

    def read(self, size: int) -> bytes:
        self._check(size)
        self.last = self._raw.read(size)
        return self.last

    def seek(self, position: int) -> int:
        self._check(position - self._raw.tell())
        return self._raw.seek(position)

    def tell(self) -> int:
        return self._raw.tell()

    def seekable(self) -> bool:
        return True


class _Tally:
    """What was met in an archive so far, against its bounds."""

    def __init__(self, path: Path, bounds: Bounds) -> None:
        self._path, self._bounds = path, bounds
        self._entries = self._total = 0
        self._seen: set[str] = set()

    def entry(self, name: str) -> str:
        """Count an entry; its name, made plain.

        Raises:
            UserError: its name leads out of the archive, or there are too many.
        """
        pure = PurePosixPath(name)
        foreign = "\\" in name or ":" in name[:2]  # another place on Windows
        if pure.is_absolute() or ".." in pure.parts or foreign or "\0" in name or not name:
            raise refused(self._path, name, "leads out of the archive")
        self._entries += 1
        if self._entries > self._bounds.members:
            raise refused(self._path, name, f"is entry {self._entries}, more than the {self._bounds.members} allowed")
        return str(pure)

    def file(self, name: str, size: int) -> str:
        """Count a file of `size` declared bytes; its name, made plain.

        Raises:
            UserError: as `entry()`; it is too large, or there twice.
        """
        name = self.entry(name)
        if name in self._seen:
            raise refused(self._path, name, "is in it twice")
        self._seen.add(name)
        if size > self._bounds.member:
            raise refused(self._path, name, f"has {size:,} bytes, more than the {self._bounds.member:,} allowed")
        self._total += size
        if self._total > self._bounds.total:
            raise refused(self._path, name, f"brings it above the {self._bounds.total:,} bytes allowed in all")
        return name


def refused(path: Path, name: str | None, what: str) -> UserError:
    """The sentence for an archive that is not opened."""
    member = "" if name is None else f"the member {name!r} "
    return UserError(
        f"{path}: {member}{what}; expected plain files of bounded size: get the archive from its source again"
    )


@contextlib.contextmanager
def _damage(path: Path, name: str | None = None) -> Iterator[None]:
    """Whatever the readers say about a damaged archive, as a sentence."""
    try:
        yield
    except UserError:
        raise
    except (*CONTENT_ERRORS, tarfile.TarError, OSError, RuntimeError, ValueError) as error:
        member = "" if name is None else f"the member {name!r} "
        raise UserError(f"{path}: {member}is damaged ({error}): get the archive from its source again") from error
