import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from tracking.wandb_server import serving

from kantor.tracking import answers
from kantor.tracking.answers import Away, check_answers


@pytest.fixture(autouse=True)
def without_proxies(monkeypatch):
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


def closed_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.mark.parametrize("scheme", ["http", "https", "postgresql", "mysql+pymysql"])
def test_who_refuses_is_away_and_no_password_is_told(scheme):
    with pytest.raises(Away, match=r"^nobody answers at \S+127.0.0.1:\d+/x \(Connection refused\)$") as said:
        check_answers(f"{scheme}://me:SECRET@127.0.0.1:{closed_port()}/x")
    assert "SECRET" not in str(said.value)


def test_who_says_nothing_is_away(monkeypatch):
    monkeypatch.setattr(answers, "PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as mute, pytest.raises(Away, match=r"not a word|timed out"):
        check_answers(f"http://127.0.0.1:{mute.getsockname()[1]}")


def test_a_name_that_is_looked_up_for_ever_is_away(monkeypatch):
    monkeypatch.setattr(answers, "PATIENCE", 0.1)
    monkeypatch.setattr(answers, "_silence", lambda *_: __import__("time").sleep(1))
    with pytest.raises(Away, match=r"not a word in 0\.1 s"):
        check_answers("http://tracker")


def test_whoever_answers_is_there_whatever_it_says():
    """A database's port, TLS that is none, and a page that is not found."""
    with serving() as server:
        for scheme in ("http", "https", "mysql+pymysql"):
            check_answers(f"{scheme}://127.0.0.1:{server.server_port}/nowhere")


def test_who_sends_elsewhere_has_answered():
    class Elsewhere(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(302)
            self.send_header("Location", f"http://127.0.0.1:{closed_port()}/login")
            self.end_headers()

        def log_message(self, *args):
            pass

    with HTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        check_answers(f"http://127.0.0.1:{server.server_port}")


def test_a_name_that_cannot_be_one_is_away_at_once():
    with pytest.raises(Away, match=r"nobody answers at http://a\.\.b:5000 \(.*label"):
        check_answers("http://a..b:5000")


@pytest.mark.parametrize("address", ["sqlite:////home/me/mlflow.db", "databricks://profile", "file:///runs", "", "x:y"])
def test_of_files_and_what_a_client_alone_understands_nothing_is_asked(monkeypatch, address):
    monkeypatch.setattr(answers, "_silence", lambda *_: "asked")
    check_answers(address)
