"""Pictures are opened by decoders that are named, and only where they are such pictures."""

import ast
import importlib.util
import io
import warnings
from pathlib import Path

import pytest
from hostile import huge_png
from hostile_runs import PICTURES, POSTSCRIPT
from PIL import EpsImagePlugin, Image

import kantor
from kantor.data.decode import BrokenImage, Decoder, readable_formats
from kantor.report import pictures as shown
from kantor.runs import pictures

SOURCES = sorted(Path(kantor.__file__).parent.rglob("*.py"))
SQUARE = Decoder(image_size=4, crop=None, mode="L", alpha="black")


def test_every_picture_is_opened_by_named_decoders():
    opening = []
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("Image.open", "PIL.Image.open"):
                opening.append((source.name, {word.arg for word in node.keywords}))
    assert len(opening) > 3
    assert [name for name, words in opening if "formats" not in words] == []


def test_pictures_of_runs_are_png_and_gif(tmp_path):
    for format in ("PNG", "GIF"):
        path = tmp_path / f"x.{format.lower()}"
        Image.new("L", (4, 4), 100).save(path)
        with pictures.opened(path) as (image, content):
            assert (image.size, content) == ((4, 4), path.read_bytes())
    Image.new("L", (4, 4)).save(tmp_path / "x.bmp")
    (tmp_path / "x.bmp").rename(tmp_path / "x.png")
    with pytest.raises(pictures.NoPicture, match="PNG or GIF"), pictures.opened(tmp_path / "x.png"):
        pass


@pytest.mark.parametrize("kind", PICTURES)
def test_what_is_none_is_shown_nowhere(kind, tmp_path, monkeypatch):
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *_, **__: pytest.fail("Ghostscript was started"))
    path = tmp_path / "step_00000001.png"
    path.write_bytes(PICTURES[kind])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert shown.embed(path, "", "") is None and shown.thumbnail(path) is None


def iptc(content: bytes) -> bytes:
    """A picture of another format in a file of IPTC."""

    def field(record: int, data_set: int, value: bytes) -> bytes:
        return bytes([0x1C, record, data_set]) + len(value).to_bytes(2, "big") + value

    head = field(3, 60, b"\x01\x01") + field(3, 20, b"\x00\x04") + field(3, 30, b"\x00\x04") + field(3, 120, b"\x05")
    return head + field(8, 10, content)


@pytest.mark.parametrize("content", [POSTSCRIPT, iptc(POSTSCRIPT)], ids=["PostScript", "PostScript in IPTC"])
def test_no_picture_of_anybody_starts_another_program(content, monkeypatch):
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *_, **__: pytest.fail("Ghostscript was started"))
    assert not {"EPS", "IPTC", "WMF", "ICO"} & set(readable_formats())
    with pytest.raises(BrokenImage, match="no picture in a format that can be read"):
        SQUARE.read(content)


def test_decoders_that_open_pictures_of_any_format_are_not_used():
    """Pillow's own source says which do; a new one would fail here."""
    methods = ("_open", "load", "load_prepare", "load_end")
    modules = {Image.OPEN[format][0].__module__ for format in readable_formats()}
    for module in sorted(name for name in modules if name.startswith("PIL.")):
        spec = importlib.util.find_spec(module)
        assert spec is not None and spec.origin is not None
        kinds = [node for node in ast.parse(Path(spec.origin).read_text()).body if isinstance(node, ast.ClassDef)]
        bodies = [node for kind in kinds for node in kind.body if getattr(node, "name", "") in methods]
        calls = {ast.unparse(node.func) for body in bodies for node in ast.walk(body) if isinstance(node, ast.Call)}
        assert bodies and not {"Image.open", "Ghostscript", "subprocess.check_call"} & calls, module


def test_a_huge_picture_is_refused_before_its_pixels_are_made(tmp_path):
    (tmp_path / "x.png").write_bytes(huge_png(9000))
    with (
        pytest.raises(pictures.NoPicture, match="more than the 67,108,864 allowed"),
        pictures.opened(tmp_path / "x.png"),
    ):
        pass
    small = io.BytesIO()
    Image.new("L", (9, 9)).save(small, "PNG")
    (tmp_path / "x.png").write_bytes(small.getvalue())
    assert shown.thumbnail(tmp_path / "x.png") is not None
