import io
import os
import struct
import subprocess
import sys

import numpy as np
import pytest
from deep import deep_png
from hostile import huge_png
from PIL import Image, ImageCms, ImageFile, features

from kantor.data.decode import BrokenImage, Decoder, extensions, lossy_codec, readable_formats


def decoder(image_size=8, crop=None, mode="RGB", alpha="black"):
    return Decoder(image_size, crop, mode, alpha)


def encoded(image, format="PNG", **options):
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def coordinates(width, height):
    """A picture whose pixel at (x, y) is (x, y, 7)."""
    y, x = np.mgrid[:height, :width]
    return Image.fromarray(np.stack([x, y, np.full_like(x, 7)], -1).astype(np.uint8))


@pytest.mark.parametrize(
    ("size", "crop", "corner"),
    [
        ((178, 218), 148, (15, 35)),  # CelebA
        ((20, 30), None, (0, 5)),
        ((30, 20), None, (5, 0)),
        ((21, 20), None, (0, 0)),  # half a pixel to the left
        ((9, 12), 4, (2, 4)),
        ((8, 8), 8, (0, 0)),
    ],
)
def test_the_centre_is_cut_out(size, crop, corner):
    side = crop or min(size)
    array = decoder(side, crop)(encoded(coordinates(*size)))
    assert array.dtype == np.uint8 and array.shape == (3, side, side)
    assert array[0, 0].tolist() == list(range(corner[0], corner[0] + side))
    assert array[1, :, 0].tolist() == list(range(corner[1], corner[1] + side))
    assert (array[2] == 7).all()


def test_shrinking_averages_and_does_not_skip():
    """Without antialiasing every second column of black and white stripes would come out black or white."""
    stripes = np.zeros((64, 64), dtype=np.uint8)
    stripes[:, ::2] = 255
    array = decoder(16, mode="L")(encoded(Image.fromarray(stripes)))
    assert abs(array[0, :, 1:-1].astype(int) - 127.5).max() <= 8


def test_a_crop_ignores_what_lies_outside():
    inside = Image.new("RGB", (40, 40), (10, 20, 30))
    inside.paste((200, 0, 0), (0, 0, 40, 10))
    inside.paste((200, 0, 0), (0, 30, 40, 40))
    inside.paste((200, 0, 0), (0, 0, 10, 40))
    inside.paste((200, 0, 0), (30, 0, 40, 40))
    array = decoder(8, crop=20)(encoded(inside))
    assert (array == np.array([10, 20, 30], dtype=np.uint8)[:, None, None]).all()


def test_narrow_pictures_are_cut_before_they_are_enlarged(monkeypatch):
    """1 × 100,000 pixels enlarged to 64 × 6,400,000 first would take 1.2 GB."""
    resize = Image.Image.resize
    sizes = []
    monkeypatch.setattr(Image.Image, "resize", lambda image, *words: sizes.append(image.size) or resize(image, *words))
    assert (decoder(64)(encoded(Image.new("L", (1, 100_000), 9))) == 9).all()
    assert sizes == [(1, 1)]


PALETTE = Image.new("P", (8, 8), 1)
PALETTE.putpalette([0, 0, 0, 200, 100, 50])
MODES = {
    "1": (Image.new("1", (8, 8), 1), (255, 255, 255)),
    "L": (Image.new("L", (8, 8), 77), (77, 77, 77)),
    "RGB": (Image.new("RGB", (8, 8), (200, 100, 50)), (200, 100, 50)),
    "P": (PALETTE, (200, 100, 50)),
    "I;16": (Image.fromarray(np.full((8, 8), 0x8080, dtype=np.uint16)), (128, 128, 128)),
    "I;16 white": (Image.fromarray(np.full((8, 8), 65535, dtype=np.uint16)), (255, 255, 255)),
    "I;16 dim": (Image.fromarray(np.full((8, 8), 300, dtype=np.uint16)), (1, 1, 1)),
}


@pytest.mark.parametrize(("image", "colour"), MODES.values(), ids=MODES.keys())
def test_every_mode_becomes_rgb(image, colour):
    assert decoder()(encoded(image))[:, 3, 4].tolist() == list(colour)


@pytest.mark.parametrize(("image", "colour"), MODES.values(), ids=MODES.keys())
def test_every_mode_becomes_grey(image, colour):
    """ITU-R 601-2: 0.299 R + 0.587 G + 0.114 B."""
    array = decoder(mode="L")(encoded(image))
    assert array.shape == (1, 8, 8)
    assert array[0, 3, 4] == pytest.approx(np.dot([0.299, 0.587, 0.114], colour), abs=1)


def test_cmyk_jpegs_become_rgb():
    content = encoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", quality=100)
    assert decoder()(content)[:, 4, 4].tolist() == pytest.approx([254, 0, 0], abs=3)


@pytest.mark.parametrize("mode", ["LA", "RGBA", "PA as P", "L with a transparent level"])
@pytest.mark.parametrize(("alpha", "level"), [("black", 0), ("white", 255)])
def test_the_background_shows_through(mode, alpha, level):
    images = {
        "LA": (Image.new("LA", (8, 8), (90, 0)), {}),
        "RGBA": (Image.new("RGBA", (8, 8), (90, 10, 200, 0)), {}),
        "PA as P": (PALETTE, {"transparency": 1}),
        "L with a transparent level": (Image.new("L", (8, 8), 90), {"transparency": 90}),
    }
    image, options = images[mode]
    assert (decoder(alpha=alpha)(encoded(image, **options)) == level).all()


def test_half_transparent_pixels_are_mixed():
    content = encoded(Image.new("RGBA", (8, 8), (200, 100, 0, 128)))
    assert decoder(alpha="black")(content)[:, 0, 0].tolist() == pytest.approx([100, 50, 0], abs=1)
    assert decoder(alpha="white")(content)[:, 0, 0].tolist() == pytest.approx([228, 178, 127], abs=1)


def test_of_an_animation_the_first_frame_counts():
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    content = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert decoder()(content)[:, 4, 4].tolist() == [255, 0, 0]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_in_exif_is_applied(orientation):
    """The first row of the file is the visual top, bottom, left or right (Exif 2.3, tag 0x0112)."""
    turned = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.T,
        6: lambda a: np.rot90(a, -1),
        7: lambda a: np.rot90(a, 2).T,
        8: lambda a: np.rot90(a),
    }[orientation]
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    array = decoder(mode="L")(encoded(Image.fromarray(pixels), "PNG", exif=exif))
    assert (array[0] == turned(pixels)).all()


@pytest.mark.parametrize("format", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "TGA", "JPEG2000", "PCX"])
def test_formats(format):
    image = Image.new("RGB", (16, 16), (200, 100, 50))
    assert decoder()(encoded(image, format))[:, 4, 4].tolist() == pytest.approx([200, 100, 50], abs=6)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("side", [8193, 12_000, 50_000])
def test_a_huge_picture_is_refused_before_it_is_decoded(side, monkeypatch):
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda image: pytest.exit("decoded"))
    with pytest.raises(BrokenImage, match=r"more than the 67,108,864 allowed|decompression bomb"):
        decoder()(huge_png(side))


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "WEBP", "TIFF"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.95])
def test_cut_files_are_broken(format, share):
    noise = np.random.default_rng(0).integers(256, size=(64, 64, 3), dtype=np.uint8)
    content = encoded(Image.fromarray(noise), format)
    assert decoder(64)(content).shape == (3, 64, 64)
    with pytest.raises(BrokenImage):
        decoder(64)(content[: int(len(content) * share)])


@pytest.mark.parametrize("content", [b"", b"text", b"<html></html>", bytes(1000), b"%!PS-Adobe-3.0 EPSF-3.0\n" * 30])
def test_other_files_are_broken(content):
    with pytest.raises(BrokenImage, match=r"no picture in a format that can be read|Error"):
        decoder()(content)


def test_pictures_smaller_than_the_crop_are_broken():
    with pytest.raises(BrokenImage, match="178 × 100 pixels, smaller than the crop of 148"):
        decoder(64, crop=148)(encoded(Image.new("RGB", (178, 100))))


def test_levels_without_a_known_range_are_broken():
    with pytest.raises(BrokenImage, match="floating-point"):
        decoder()(encoded(Image.new("F", (8, 8), 0.5), "TIFF"))
    with pytest.raises(BrokenImage, match="expected 0 to 65535"):
        decoder()(encoded(Image.new("I", (8, 8), 70_000), "TIFF"))
    assert decoder()(encoded(Image.new("I", (8, 8), 25_700), "TIFF")).max() == 100
    assert decoder()(encoded(Image.new("I", (8, 8), 0), "TIFF")).max() == 0


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("mode", ["I;16", "I", "PNG"])
def test_the_highest_of_so_many_bits_is_white(mode, bits):
    top = (1 << bits) - 1
    levels = np.linspace(0, top, 64).round().astype(np.uint16).reshape(8, 8)
    content = (
        deep_png(levels)
        if mode == "PNG"
        else encoded(Image.fromarray(levels.astype({"I": np.int32}.get(mode, np.uint16))), "TIFF")
    )
    found = Decoder(8, None, "L", "black", bits).read(content)
    assert np.abs(found.pixels[0] - levels / top * 255).max() <= 0.5
    assert found.pixels.max() == 255 and found.deep == top


def test_levels_above_the_bits_that_were_named_are_broken():
    content = encoded(Image.fromarray(np.full((8, 8), 256, dtype=np.uint16)))
    with pytest.raises(BrokenImage, match=r"grey levels from 256 to 256, expected 0 to 255, by data\.bits=8"):
        Decoder(8, None, "L", "black", 8)(content)
    with pytest.raises(BrokenImage, match="16-bit colours of 8 bits cannot be read"):
        Decoder(8, None, "L", "black", 8)(deep_png(np.full((8, 8, 3), 200)))


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 3)])
@pytest.mark.parametrize("level", [0, 200, 4095, 4096, 65535])
def test_a_picture_of_16_bits_tells_its_largest_level(shape, level):
    """Of colours Pillow reads the upper half of each."""
    levels = np.full(shape, 0)
    levels[3, 4] = level
    deep = decoder().read(deep_png(levels)).deep
    assert deep == (level if len(shape) == 2 else level // 256 * 256 + 255)
    assert decoder().read(encoded(Image.new("L", (8, 8), 9))).deep is None


def test_in_a_tiff_white_may_be_zero():
    levels = Image.fromarray(np.full((8, 8), 6000, dtype=np.uint16))
    dark, light = (decoder().read(encoded(levels, "TIFF", tiffinfo={262: kind})).pixels.max() for kind in (1, 0))
    assert (dark, light) == (23, 232)


def tiff_of_12_bits():
    """Two levels to three bytes, 0 and 4095, in a TIFF without more tags than it needs."""
    data = bytes([0x00, 0x0F, 0xFF]) * 32
    tags = [(256, 8), (257, 8), (258, 12), (259, 1), (262, 1), (273, 8), (277, 1), (278, 8), (279, len(data))]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + struct.pack("<H", len(tags)) + entries + bytes(4)


def test_declared_12_bits_are_12_bits():
    found = decoder(mode="L").read(tiff_of_12_bits())
    assert found.pixels[0, 0].tolist() == [0, 255] * 4 and found.deep is None


def lossless_and_lossy():
    noise = Image.fromarray(np.random.default_rng(0).integers(256, size=(16, 16, 3), dtype=np.uint8))
    frames = {"save_all": True, "append_images": [noise.rotate(90)]}
    yield from {
        "png": (encoded(noise), None),
        "bmp": (encoded(noise, "BMP"), None),
        "gif": (encoded(noise, "GIF"), None),
        "tiff": (encoded(noise, "TIFF"), None),
        "tiff lzw": (encoded(noise, "TIFF", compression="tiff_lzw"), None),
        "tiff deflate": (encoded(noise, "TIFF", compression="tiff_adobe_deflate"), None),
        "tiff jpeg": (encoded(noise, "TIFF", compression="jpeg"), "jpeg"),
        "jpeg": (encoded(noise, "JPEG"), "jpeg"),
        "mpo": (encoded(noise, "MPO", **frames), "jpeg"),
        "webp": (encoded(noise, "WEBP"), "webp"),
        "webp lossless": (encoded(noise, "WEBP", lossless=True), None),
        "webp with alpha": (encoded(noise.convert("RGBA").rotate(45), "WEBP"), "webp"),
        "webp lossless with alpha": (encoded(noise.convert("RGBA").rotate(45), "WEBP", lossless=True), None),
        "webp animated": (encoded(noise, "WEBP", **frames), "webp"),
        "webp animated lossless": (encoded(noise, "WEBP", lossless=True, **frames), None),
        "jpeg 2000": (encoded(noise, "JPEG2000"), None),
        "jpeg 2000 codestream": (encoded(noise, "JPEG2000", no_jp2=True), None),
        "jpeg 2000 irreversible": (encoded(noise, "JPEG2000", irreversible=True), "jpeg 2000"),
        "dds": (encoded(noise, "DDS"), None),
        "dds in blocks": (encoded(noise, "DDS", pixel_format="DXT1"), "block compression"),
    }.items()
    if features.check("avif"):
        yield "avif", (encoded(noise, "AVIF"), "avif")


CODED = dict(lossless_and_lossy())


@pytest.mark.parametrize("name", CODED)
def test_the_content_says_how_it_was_coded(name):
    content, expected = CODED[name]
    assert decoder().read(content).codec == expected == lossy_codec(content)


def profile(name):
    return ImageCms.ImageCmsProfile(ImageCms.createProfile(name)).tobytes()


def swapped(description=b"swapped"):
    """sRGB's profile with red's colorant and blue's in each other's place, under another name."""
    content = bytearray(profile("sRGB"))
    at = {bytes(content[start : start + 4]): start for start in range(132, 132 + 12 * 30, 12)}
    red, blue = at[b"rXYZ"], at[b"bXYZ"]
    content[red + 4 : red + 12], content[blue + 4 : blue + 12] = (
        content[blue + 4 : blue + 12],
        content[red + 4 : red + 12],
    )
    return bytes(content).replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be"))


@pytest.mark.parametrize("format", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_an_embedded_profile_is_applied(format):
    """Red as blue, by a profile in which they are each other's."""
    image = Image.new("RGB", (8, 8), (250, 10, 10))
    found = decoder().read(encoded(image, format, icc_profile=swapped()))
    red, _, blue = found.pixels[:, 4, 4].tolist()
    assert blue > 235 and red < 35 and found.remarks == ("are converted from swap built-in to sRGB",)


def test_srgb_is_left_as_it_is():
    image = Image.fromarray(np.random.default_rng(0).integers(256, size=(8, 8, 3), dtype=np.uint8))
    found = decoder().read(encoded(image, icc_profile=profile("sRGB")))
    assert found.remarks == () and (found.pixels == np.asarray(image).transpose(2, 0, 1)).all()


def linear():
    """sRGB's profile, by its name too, but of linear levels, as graphics programs write it."""
    content = profile("sRGB")
    curve = content.index(b"para")
    length = 12 + 4 * 5  # of type 3
    straight = (b"para" + bytes(8) + struct.pack(">i", 1 << 16)).ljust(length, b"\0")
    return content.replace(content[curve : curve + length], straight)


def test_linear_levels_are_converted_though_their_profile_is_called_srgb():
    found = decoder().read(encoded(Image.new("RGB", (8, 8), (55, 55, 55)), icc_profile=linear()))
    # IEC 61966-2-1: 1.055 · (55/255)^(1/2.4) - 0.055, of 255
    assert found.pixels.max() == found.pixels.min() == pytest.approx(128, abs=1)
    assert found.remarks == ("are converted from sRGB built-in to sRGB",)


def test_transparency_outlives_a_profile():
    image = Image.new("RGBA", (8, 8), (250, 10, 10, 0))
    assert (decoder(alpha="white")(encoded(image, icc_profile=swapped())) == 255).all()


@pytest.mark.parametrize("content", [b"no profile", profile("LAB")])
@pytest.mark.parametrize("mode", ["L", "RGB", "P", "I;16"])
def test_a_profile_that_does_not_fit_is_ignored_and_said(content, mode):
    image = Image.fromarray(np.full((8, 8), 5140, np.uint16)) if mode == "I;16" else Image.new(mode, (8, 8), 0)
    found = decoder().read(encoded(image, icc_profile=content))
    assert found.remarks == ("have a colour profile that cannot be applied, and is ignored",)
    assert found.pixels.max() == (20 if mode == "I;16" else 0)


def test_enlarging_and_further_frames_are_remarked():
    small = Image.new("L", (8, 9), 3)
    assert decoder(8).read(encoded(small)).remarks == ()
    assert decoder(9).read(encoded(small)).remarks == ("are smaller than 9 × 9 pixels, and enlarged",)
    for format in ("GIF", "TIFF", "PNG", "WEBP"):
        frames = {"save_all": True, "append_images": [Image.new("L", (8, 9), 200)]}
        remarks = decoder(8).read(encoded(small, format, **frames)).remarks
        assert remarks == ("are of several pages or frames, of which the first is read",)


PLUGIN = """
from PIL import Image, ImageFile
class Told(ImageFile.ImageFile):
    format = "JXL"
    def _open(self):
        self._size, self._mode = (4, 4), "L"
        self.tile = [ImageFile._Tile("raw", (0, 0, 4, 4), 8, "L")]
Image.register_open("JXL", Told, lambda head: head.startswith(b"told you"))
Image.register_extension("JXL", ".jxl")
"""


def test_formats_of_plugins_are_read_where_these_are_installed(tmp_path):
    """In a process of its own: Pillow forgets no format."""
    (tmp_path / "pillow_jxl.py").write_text(PLUGIN)
    script = (
        "from kantor.data.decode import Decoder, extensions;"
        "found = Decoder(4, None, 'L', 'black').read(b'told you' + bytes(range(16)));"
        "print('.jxl' in extensions(), found.codec, found.pixels.ravel().tolist() == list(range(16)))"
    )
    paths = os.pathsep.join([str(tmp_path), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True
    )
    assert done.stdout.split() == ["True", "jpeg", "xl", "True"], done.stderr


def test_formats_that_start_programs_are_not_read():
    assert not {"EPS", "ICO", "ICNS"} & set(readable_formats()) and not {".eps", ".ico"} & extensions()
    assert {".png", ".jpg", ".jpeg", ".webp", ".gif", ".tif", ".bmp"} <= extensions()


def test_a_description_is_plain_and_knows_every_setting():
    import json

    described = {
        json.dumps(changed.describe())
        for changed in (decoder(), decoder(9), decoder(crop=8), decoder(mode="L"), decoder(alpha="white"))
    }
    assert len(described) == 5
    assert all("bilinear, antialiased" in text for text in described)
