import io

import numpy as np
import pytest
from hostile import huge_png
from PIL import Image, ImageFile

from kantor.data.decode import BrokenImage, Decoder, extensions, readable_formats


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
    with pytest.raises(BrokenImage, match="32-bit grey levels up to 200, of 255 or of 65535"):
        decoder()(encoded(Image.new("I", (8, 8), 200), "TIFF"))
    assert decoder()(encoded(Image.new("I", (8, 8), 25_700), "TIFF")).max() == 100
    assert decoder()(encoded(Image.new("I", (8, 8), 0), "TIFF")).max() == 0


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
