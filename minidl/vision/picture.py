"""Reads a user's own picture and makes it look like the training images: grey, light on dark, fitted and centred."""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np

from ..errors import DataError

MAX_BYTES = 64 * 2**20  # of the file
MAX_PIXELS = 50_000_000  # a larger picture is a mistake, or a decompression bomb
MAX_SIDE = 1024  # a larger picture is made smaller at once
_LOOK = 256  # and still smaller to find the ink


def read_grey(path: str | os.PathLike[str]) -> np.ndarray:
    """Read a picture file of any size and colour mode as grey values.

    Returns
    -------
    float32 array (H, W) in [0, 1]
        0 is black; transparent parts are white, as on paper, or black if nothing could be seen on white.

    Raises
    ------
    DataError
        No such file, not a picture, damaged, or too large.
    """
    try:
        from PIL import Image, ImageOps, UnidentifiedImageError
    except ImportError as error:
        raise DataError("reading pictures needs Pillow; run: pip install 'minidl[demos]'") from error
    try:
        size = os.stat(path).st_size
        if size > MAX_BYTES:
            raise DataError(f"{path}: {size} bytes; a picture may have {MAX_BYTES}")
        with warnings.catch_warnings(), open(path, "rb") as f:
            warnings.simplefilter("ignore")  # Pillow warns of odd metadata, and of what we refuse below
            with Image.open(f) as image:
                width, height = image.size
                if not 0 < width * height <= MAX_PIXELS:
                    raise DataError(f"{path}: {width} x {height} pixels; at most {MAX_PIXELS} are read")
                return _grey(ImageOps.exif_transpose(image), Image)
    except DataError:
        raise
    except UnidentifiedImageError as error:
        raise DataError(f"{path}: cannot be read as a picture: it is of no kind that Pillow knows") from error
    except OSError as error:  # Pillow's own errors for damaged files are OSErrors too
        reason = error.strerror or str(error).split("\n")[0] or type(error).__name__
        raise DataError(f"{path}: cannot be read as a picture: {reason}") from error
    except Image.DecompressionBombError as error:
        raise DataError(f"{path}: has too many pixels; at most {MAX_PIXELS} are read") from error
    except (Exception, RecursionError, MemoryError) as error:
        # decoders meet damaged files with errors of every type (SyntaxError, struct.error, IndexError ...)
        raise DataError(f"{path}: cannot be read as a picture: it is damaged ({type(error).__name__})") from error


def _grey(image: Any, library: Any) -> np.ndarray:
    if image.mode in ("F", "I") or image.mode.startswith("I;16"):  # convert("L") would clip these, not scale
        values = np.nan_to_num(np.asarray(image, np.float32), nan=0, posinf=0, neginf=0)
        grey = np.clip(values / (65535 if values.max(initial=0) > 255 else 255), 0, 1).astype(np.float32)
    else:
        rgba = image.convert("RGBA")
        for paper in ("white", "black"):
            seen = library.alpha_composite(library.new("RGBA", rgba.size, paper), rgba).convert("L")
            darkest, lightest = seen.getextrema()
            if lightest - darkest > 5:
                break
        grey = np.asarray(seen, np.float32) / np.float32(255)
    if max(grey.shape) > MAX_SIDE:
        smaller = library.fromarray(grey)
        smaller.thumbnail((MAX_SIDE, MAX_SIDE))
        grey = np.asarray(smaller, np.float32)
    return grey


def like_training_images(grey: np.ndarray, shape: tuple[int, int], fill: float = 5 / 7, centre: str = "mass") -> np.ndarray:
    """Turn a drawing or photograph of one object into an image as in the training set.

    As the makers of MNIST did it (LeCun and others, 1998): light ink on black, the ink's box scaled to `fill` of
    the image's side, its centre of mass moved to the middle.

    Parameters
    ----------
    grey : (H, W) in [0, 1]
    shape : (height, width)
        Of the result.
    fill : float
        Side of the ink's box over the image's side; MNIST has 20 of 28.
    centre : {"mass", "box"}

    Returns
    -------
    float32 array (height, width) in [0, 1]

    Raises
    ------
    DataError
        The picture is of one grey throughout.
    """
    grey = np.asarray(grey, np.float32)
    if grey.ndim != 2 or grey.size == 0 or not np.isfinite(grey).all():
        raise DataError(f"expected a finite grey picture (H, W), got shape {grey.shape}")
    ink = _light_on_dark(grey)
    box = _ink_box(ink)
    cut = ink[box]
    height, width = shape
    scale = min(fill * height / cut.shape[0], fill * width / cut.shape[1])
    small = resize(cut, (max(round(cut.shape[0] * scale), 1), max(round(cut.shape[1] * scale), 1)))
    small /= max(float(small.max()), 1e-6)  # thin strokes fade when they shrink
    return _placed(small, shape, centre)


def _light_on_dark(grey: np.ndarray) -> np.ndarray:
    """Ink as values up to 1 on paper of exactly 0: light or dark ink, on paper that may be noisy and unevenly lit.

    What the picture's border is mostly like is paper; a plane through it takes the lighting out.
    """
    longest = max(grey.shape)
    if longest > _LOOK:  # averaging takes noise away, and the result is far smaller still
        grey = resize(grey, (max(grey.shape[0] * _LOOK // longest, 1), max(grey.shape[1] * _LOOK // longest, 1)))
    paper, noise = _paper(grey)
    darker, lighter = float((paper - grey).max()), float((grey - paper).max())
    inverted = np.median(paper) > 0.5 if min(darker, lighter) > 0.5 * max(darker, lighter) else darker > lighter
    ink = paper - grey if inverted else grey - paper
    least = min(max(4 * noise, 0.02), 0.3 * float(ink.max()))  # at most: a border full of ink looks like noise
    if float(ink.max()) < 0.02:
        raise DataError("the picture is of one grey throughout; there is nothing to classify")
    top = float(np.percentile(ink[ink >= least], 99))
    ink = np.clip(ink / np.float32(top), 0, 1)
    return np.where(ink < max(0.15, least / top), np.float32(0), ink)  # paper is never quite white


def _paper(grey: np.ndarray) -> tuple[np.ndarray, float]:
    """The paper's grey as a plane (H, W), and the standard deviation of its noise, both told by the border."""
    y, x = (np.linspace(-1, 1, n, dtype=np.float32) for n in grey.shape)
    yy, xx = np.broadcast_arrays(y[:, None], x)
    edge = np.ones(grey.shape, bool)
    edge[1:-1, 1:-1] = False
    terms = np.stack([np.ones_like(grey), yy, xx], -1)
    plane, spread = np.array([np.median(grey[edge]), 0, 0], np.float32), 0.0
    for _ in range(3):  # what touches the border is taken for paper less and less
        away = np.abs(grey - terms @ plane)[edge]
        spread = 1.5 * float(np.median(away))
        near = away <= max(3 * spread, 0.02)
        plane = np.linalg.lstsq(terms[edge][near], grey[edge][near], rcond=1e-3)[0]
    return terms @ plane, spread


def _ink_box(ink: np.ndarray) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero((ink > 0.3).any(1)), np.flatnonzero((ink > 0.3).any(0))
    if not len(rows):
        return slice(None), slice(None)
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def resize(image: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Resize (H, W) to `shape` with each new pixel the mean of the old area under it (or interpolated, if larger)."""
    down = _resampling(image.shape[0], shape[0])
    across = _resampling(image.shape[1], shape[1])
    return down @ image @ across.T


def _resampling(n: int, m: int) -> np.ndarray:
    """Weights (m, n) of a triangle filter as wide as a new pixel; rows sum to one."""
    width = max(n / m, 1.0)
    centres = (np.arange(m) + 0.5) * n / m - 0.5
    weights = np.clip(1 - np.abs(centres[:, None] - np.arange(n)) / width, 0, None)
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32)


def _placed(small: np.ndarray, shape: tuple[int, int], centre: str) -> np.ndarray:
    """`small` on a black image, its centre of mass (or its box) in the middle, but never over the edge."""
    place = []
    for axis, length in enumerate(shape):
        n = small.shape[axis]
        profile = small.sum(1 - axis)
        middle = (n - 1) / 2 if centre == "box" else float(profile @ np.arange(n, dtype=np.float32) / profile.sum())
        start = round((length - 1) / 2 - middle)
        place.append(min(max(start, 0), length - n))
    out = np.zeros(shape, np.float32)
    out[place[0] : place[0] + small.shape[0], place[1] : place[1] + small.shape[1]] = small
    return out
