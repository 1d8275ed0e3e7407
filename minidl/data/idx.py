"""Reads IDX files, the format of MNIST: a type, a shape, and the numbers, all big-endian; gzip or not.

Format: http://yann.lecun.com/exdb/mnist/ (bottom of the page). A file that is not what it says it is gets a
DataError, and never more memory than its size warrants.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import math
import os
import struct
import zlib
from collections.abc import Iterator
from typing import IO, Any

import numpy as np

from ..errors import DataError

_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_MAX_AXES = 32
_MAX_RATIO = 1032  # deflate packs at most so many bytes into one (zlib's technical notes)
_CHUNK = 2**20


def read(source: str | os.PathLike[str] | bytes, name: str = "") -> np.ndarray:
    """Read an IDX file.

    Parameters
    ----------
    source : path or bytes
        A file, or its contents; gzip is recognised.
    name : str
        What messages call it; the path if not given.

    Returns
    -------
    array
        Of the file's type, in native byte order.

    Raises
    ------
    DataError
        No such file, not an IDX file, truncated, too long, or damaged.
    """
    name = name or ("IDX data" if isinstance(source, bytes | bytearray | memoryview) else os.fspath(source))
    try:
        with _opened(source) as (f, size):
            packed = f.read(2) == b"\x1f\x8b"
            f.seek(0)
            if not packed:
                return _read(f, size, name)
            with gzip.GzipFile(fileobj=f, mode="rb") as unpacked:
                return _read(unpacked, size * _MAX_RATIO, name)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{name}: the gzip file is truncated or damaged ({error})") from error
    except OSError as error:
        raise DataError(f"cannot read {name}: {error.strerror or error}") from error


@contextlib.contextmanager
def _opened(source: str | os.PathLike[str] | bytes) -> Iterator[tuple[IO[bytes], int]]:
    """The file and its size."""
    if isinstance(source, bytes | bytearray | memoryview):
        yield io.BytesIO(source), len(source)
        return
    with open(source, "rb") as f:
        yield f, os.fstat(f.fileno()).st_size


def _read(f: Any, most: int, name: str) -> np.ndarray:
    """Header and numbers; `most` bytes can be there at the very most."""
    zeros, code, n_axes = struct.unpack(">HBB", _exactly(f, 4, name))
    if zeros or code not in _DTYPES or n_axes > _MAX_AXES:
        raise DataError(f"{name}: not an IDX file (it begins with {zeros:04x} {code:02x} {n_axes:02x})")
    shape = struct.unpack(f">{n_axes}I", _exactly(f, 4 * n_axes, name))
    dtype = np.dtype(_DTYPES[code])
    n_bytes = math.prod(shape) * dtype.itemsize
    if n_bytes > most:  # asked before memory is: a header of 16 bytes can speak of any size
        raise DataError(f"{name}: truncated, or its header is damaged: it speaks of {n_bytes} bytes in shape {shape}")
    try:
        array = np.empty(shape, dtype)
    except (ValueError, MemoryError) as error:
        raise DataError(f"{name}: an array of shape {shape} is too large ({error})") from error
    into = array.reshape(-1).view(np.uint8)
    done = 0
    while done < n_bytes:
        n = f.readinto(into[done : done + _CHUNK])
        if not n:
            raise DataError(f"{name}: truncated: {done} bytes of {n_bytes} in shape {shape}")
        done += n
    if f.read(1):  # reading to the end also has gzip compare its checksum
        raise DataError(f"{name}: more bytes follow than its header speaks of, shape {shape}")
    return array.astype(dtype.newbyteorder("="), copy=False)


def _exactly(f: Any, n: int, name: str) -> bytes:
    data = f.read(n)
    if len(data) < n:
        raise DataError(f"{name}: truncated within its header")
    return data
