"""What the tests of data sets share: a cache of their own."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache of each test is tmp_path/cache."""
    monkeypatch.setenv("KANTOR_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"
