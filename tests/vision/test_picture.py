"""A user's picture: any size and mode is read, and looks like a training image; damage is one DataError."""

import io
import random
import struct
import zlib

import numpy as np
import pytest

from minidl.errors import DataError
from minidl.vision.picture import MAX_SIDE, like_training_images, read_grey, resize

Image = pytest.importorskip("PIL.Image")


def drawing(height=60, width=40, ink=0, paper=255):
    """A thick L, off the middle."""
    a = np.full((height, width), paper, np.uint8)
    a[10:40, 8:14] = ink
    a[34:40, 8:30] = ink
    return a


def as_file(tmp_path, mode, form="png", a=None):
    image = Image.fromarray(drawing() if a is None else a)
    path = tmp_path / f"p.{form}"
    image.convert(mode).save(path)
    return path


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F"])
def test_every_mode_gives_the_same_grey(tmp_path, mode):
    form = {"CMYK": "tif", "F": "tif", "I": "tif"}.get(mode, "png")
    grey = read_grey(as_file(tmp_path, mode, form))
    assert grey.dtype == np.float32
    np.testing.assert_allclose(grey, drawing() / 255, atol=0.02)


def test_sixteen_bits_are_scaled(tmp_path):
    Image.fromarray(drawing().astype(np.uint16) * 257).save(tmp_path / "p.png")
    np.testing.assert_allclose(read_grey(tmp_path / "p.png"), drawing() / 255, atol=0.01)


def test_transparent_is_paper(tmp_path):
    rgba = np.zeros((20, 20, 4), np.uint8)  # black, wholly transparent
    rgba[5:10, 5:10, 3] = 255
    Image.fromarray(rgba).save(tmp_path / "p.png")
    grey = read_grey(tmp_path / "p.png")
    assert grey[0, 0] == 1 and grey[7, 7] == 0


def test_white_ink_on_nothing(tmp_path):
    """Its paper is dark, else there would be nothing to see."""
    rgba = np.full((20, 20, 4), 255, np.uint8)
    rgba[..., 3] = 0
    rgba[5:15, 8:12, 3] = 255
    Image.fromarray(rgba).save(tmp_path / "white.png")
    grey = read_grey(tmp_path / "white.png")
    assert grey[10, 10] == 1 and grey[0, 0] == 0
    Image.fromarray(np.full_like(rgba, 255)).save(tmp_path / "paper.png")
    assert (read_grey(tmp_path / "paper.png") == 1).all()


def test_dark_on_light_and_light_on_dark_are_the_same():
    a = like_training_images(drawing() / 255, (28, 28), 20 / 28, "mass")
    b = like_training_images(1 - drawing() / 255, (28, 28), 20 / 28, "mass")
    np.testing.assert_allclose(a, b, atol=1e-5)
    assert a.dtype == np.float32 and a.max() == 1 and a[0, 0] == 0


def test_ink_is_fitted_and_its_mass_is_in_the_middle():
    a = like_training_images(drawing(300, 200) / 255, (28, 28), 20 / 28, "mass")
    rows = np.flatnonzero(a.max(1) > 0.3)
    assert rows[-1] - rows[0] + 1 == 20
    centre = (a.sum(1) @ np.arange(28) / a.sum(), a.sum(0) @ np.arange(28) / a.sum())
    np.testing.assert_allclose(centre, 13.5, atol=0.51)


def test_the_size_of_the_drawing_does_not_matter():
    large = np.kron(drawing() / 255, np.ones((7, 7)))
    a, b = (like_training_images(x, (28, 28), 20 / 28, "mass") for x in (drawing() / 255, large))
    np.testing.assert_allclose(a, b, atol=0.25)
    assert np.abs(a - b).mean() < 0.02


def test_resize_keeps_constants_and_means():
    np.testing.assert_allclose(resize(np.full((9, 13), 0.3, np.float32), (4, 20)), 0.3, rtol=1e-5)
    image = np.random.default_rng(0).random((64, 64)).astype(np.float32)
    assert resize(image, (16, 16)).mean() == pytest.approx(image.mean(), abs=0.01)


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (3, 3)])
def test_odd_sizes(shape):
    a = np.ones(shape, np.float32)
    a[0, 0] = 0
    if a.size == 1:
        with pytest.raises(DataError, match="one grey"):
            like_training_images(a, (28, 28))
    else:
        assert like_training_images(a, (28, 28)).shape == (28, 28)


@pytest.mark.parametrize("a", [np.zeros((5, 5)), np.zeros((0, 3)), np.full((3, 3), np.nan), np.zeros((2, 2, 3))])
def test_nothing_to_classify(a):
    with pytest.raises(DataError):
        like_training_images(a, (28, 28))


def test_missing_files_directories_and_texts_are_named(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        read_grey(tmp_path / "none.png")
    with pytest.raises(DataError, match="directory"):
        read_grey(tmp_path)
    (tmp_path / "t.png").write_text("not a picture")
    with pytest.raises(DataError, match="cannot be read as a picture"):
        read_grey(tmp_path / "t.png")


def png(width, height):
    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b"")


def test_decompression_bombs_are_refused_by_their_size(tmp_path):
    (tmp_path / "b.png").write_bytes(png(200_000, 200_000))
    with pytest.raises(DataError, match="pixels"):
        read_grey(tmp_path / "b.png")


def test_large_pictures_become_smaller(tmp_path):
    Image.new("L", (5000, 60), 200).save(tmp_path / "p.png")
    assert max(read_grey(tmp_path / "p.png").shape) <= MAX_SIDE


@pytest.mark.parametrize("form", ["png", "jpeg", "gif", "bmp", "tiff", "webp", "ppm"])
def test_damaged_pictures_raise_nothing_but_a_data_error(tmp_path, form):
    buffer = io.BytesIO()
    Image.fromarray(drawing()).convert("RGB").save(buffer, form)
    good, draw, path = buffer.getvalue(), random.Random(form), tmp_path / "p"
    for _ in range(120):
        bad = bytearray(good)
        for _ in range(draw.randint(1, 6)):
            bad[draw.randrange(len(bad))] = draw.randrange(256)
        path.write_bytes(bad if draw.random() < 0.6 else bad[: draw.randrange(len(bad))])
        try:
            like_training_images(read_grey(path), (28, 28))
        except DataError as error:
            assert "\n" not in str(error)
