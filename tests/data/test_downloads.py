"""One file over HTTP: whole or not at all, and gone on with after an interruption."""

import contextlib
import functools
import hashlib
import http.client
import http.server
import socket
import threading

import numpy as np
import pytest
from mirrors import serving

from kantor.data import downloads
from kantor.errors import UserError

CONTENT = np.random.default_rng(0).bytes(100_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Flaky(http.server.BaseHTTPRequestHandler):
    """Sends at most `at_most` bytes of what is asked for, and then closes the connection."""

    def __init__(self, asked, at_most, resumable, *args):
        self.asked, self.at_most, self.resumable = asked, at_most, resumable
        super().__init__(*args)

    def log_message(self, *_):
        pass

    def do_GET(self):
        wanted = self.headers["Range"]
        self.asked.append(wanted)
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and self.resumable else 0
        if start >= len(CONTENT):
            self.send_error(416)
            return
        rest = CONTENT[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        self.wfile.write(rest[: self.at_most])


@contextlib.contextmanager
def flaky(at_most, *, resumable=True):
    """The address of a file on such a server, and the ranges that it was asked for."""
    asked = []
    handler = functools.partial(Flaky, asked, at_most, resumable)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/file.bin", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_file_is_fetched_whole(tmp_path):
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "file.bin").write_bytes(CONTENT)
    path = tmp_path / "cache" / "file.bin"
    with serving(tmp_path / "served") as address:
        downloads.resumed(f"{address}file.bin", path, sha256=SHA256)
    assert path.read_bytes() == CONTENT
    assert [entry.name for entry in path.parent.iterdir()] == ["file.bin"]


def test_broken_connections_are_resumed_where_they_broke(tmp_path):
    path = tmp_path / "file.bin"
    with flaky(30_000) as (url, asked):
        downloads.resumed(url, path, sha256=SHA256)
    assert path.read_bytes() == CONTENT
    assert asked == [None, "bytes=30000-", "bytes=60000-", "bytes=90000-"]


def test_what_a_killed_process_left_is_gone_on_with(tmp_path):
    path = tmp_path / "file.bin"
    (tmp_path / "file.bin.partial").write_bytes(CONTENT[:99_000])
    with flaky(10**9) as (url, asked):
        downloads.resumed(url, path, sha256=SHA256)
    assert path.read_bytes() == CONTENT and asked == ["bytes=99000-"]


def test_a_whole_partial_file_needs_no_more_bytes(tmp_path):
    path = tmp_path / "file.bin"
    (tmp_path / "file.bin.partial").write_bytes(CONTENT)
    with flaky(10**9) as (url, _):
        downloads.resumed(url, path, sha256=SHA256)
    assert path.read_bytes() == CONTENT


def test_servers_that_cannot_begin_in_the_middle_begin_again(tmp_path):
    path = tmp_path / "file.bin"
    (tmp_path / "file.bin.partial").write_bytes(CONTENT[:5])
    with flaky(10**9, resumable=False) as (url, _):
        downloads.resumed(url, path, sha256=SHA256)
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize("content", [CONTENT[:-1] + b"x", b"", b"x" * 200_000], ids=["other", "empty", "longer"])
def test_another_file_is_not_kept(tmp_path, content):
    served, path = tmp_path / "served", tmp_path / "file.bin"
    served.mkdir()
    (served / "file.bin").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    with serving(served) as address, pytest.raises(ValueError, match=f"SHA-256 {digest}, expected {SHA256}"):
        downloads.resumed(f"{address}file.bin", path, sha256=SHA256)
    assert not list(tmp_path.glob("file.bin*"))


def test_a_wrong_beginning_does_not_stop_the_next_try(tmp_path):
    path = tmp_path / "file.bin"
    (tmp_path / "file.bin.partial").write_bytes(b"x" * 50)
    with flaky(10**9) as (url, _):
        with pytest.raises(ValueError, match="expected"):
            downloads.resumed(url, path, sha256=SHA256)
        downloads.resumed(url, path, sha256=SHA256)
    assert path.read_bytes() == CONTENT


def test_connections_that_bring_nothing_are_given_up(tmp_path):
    path = tmp_path / "file.bin"
    with flaky(0) as (url, asked), pytest.raises(http.client.IncompleteRead):
        downloads.resumed(url, path, sha256=SHA256)
    assert len(asked) == downloads.TRIES
    assert not path.exists()


def test_without_a_network_there_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("KANTOR_CACHE", str(tmp_path / "cache"))
    with socket.socket() as taken:  # bound but not listening: nobody answers
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/file.bin"

        def download():
            downloads.resumed(url, tmp_path / "file.bin", sha256=SHA256)

        with pytest.raises(UserError, match=r"a file is not in .* and cannot be downloaded \(.*refused.*\): walk"):
            downloads.fetch("a file", tmp_path, download, otherwise="walk")
