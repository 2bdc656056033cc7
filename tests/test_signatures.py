"""Signatures are of one user's kantor, and of one text."""

import stat

from kantor.places import cache_root
from kantor.signatures import KEY, is_signed, signature


def test_a_signature_is_of_one_text_and_one_key(tmp_path, monkeypatch):
    monkeypatch.setenv("KANTOR_CACHE", str(tmp_path / "mine"))
    mine = signature("a plan")
    assert mine == signature("a plan") and is_signed("a plan", mine) and not is_signed("another plan", mine)
    assert not is_signed("a plan", "") and not is_signed("a plan", "é")
    assert stat.S_IMODE((cache_root() / KEY).stat().st_mode) == 0o600
    monkeypatch.setenv("KANTOR_CACHE", str(tmp_path / "theirs"))
    assert not is_signed("a plan", mine) and signature("a plan") != mine


def test_without_a_place_for_a_key_nothing_is_signed(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("KANTOR_CACHE", str(tmp_path / "file" / "below"))
    assert signature("a plan") == "" and not is_signed("a plan", "")


def test_a_key_that_was_cut_signs_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("KANTOR_CACHE", str(tmp_path))
    mine = signature("a plan")
    (tmp_path / KEY).write_bytes(b"")
    assert not is_signed("a plan", mine) and signature("a plan") == ""
