"""Reads CIFAR-10's binary records from a ``.tar.xz`` or ``.tar.gz`` archive, in memory and within limits.

Format: https://www.cs.toronto.edu/~kriz/cifar.html ("binary version"). Nothing is unpacked to disk, so what an
archive calls its members can do no harm.
"""

from __future__ import annotations

import io
import lzma
import tarfile
import zlib
from collections.abc import Mapping

import numpy as np

from ..errors import DataError

RECORD = 1 + 3 * 32 * 32  # bytes: a label, then red, green and blue, row by row
MAX_BYTES = 60_000 * RECORD + 10 * 2**20  # all of CIFAR-10, and the archive's own
_MEMORY = 256 * 2**20  # that an xz file may ask for


def read(archive: bytes, parts: Mapping[str, int], name: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Images uint8 (N, 32, 32, 3) and labels int64 (N,) of each part.

    Parameters
    ----------
    archive : bytes
    parts : mapping
        Name of the file inside, with its folder, to the number of its records.
    name : str
        What messages call the archive.

    Raises
    ------
    DataError
        Damaged, too large, or without a part of the right size.
    """
    try:
        with tarfile.open(fileobj=io.BytesIO(_unpacked(archive, name)), mode="r:") as tar:
            files = {member.name: member for member in tar if member.isreg()}
            return [_records(tar, files.get(part), part, n, name) for part, n in parts.items()]
    except (tarfile.TarError, lzma.LZMAError, zlib.error, EOFError, ValueError, OverflowError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{name}: damaged, or not a .tar.xz or .tar.gz archive ({error})") from error


def _unpacked(archive: bytes, name: str) -> bytes:
    """The tar file inside; never more than MAX_BYTES, whatever the archive would become."""
    if archive[:2] == b"\x1f\x8b":
        gz = zlib.decompressobj(wbits=31)
        raw, whole = gz.decompress(archive, MAX_BYTES), gz.eof
    else:
        xz = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MEMORY)
        raw = xz.decompress(archive, MAX_BYTES)
        whole = xz.eof
    if not whole:
        why = f"larger than {MAX_BYTES} bytes" if len(raw) >= MAX_BYTES else "truncated"
        raise DataError(f"{name}: {why} when unpacked")
    return raw


def _records(
    tar: tarfile.TarFile, member: tarfile.TarInfo | None, part: str, n: int, name: str
) -> tuple[np.ndarray, np.ndarray]:
    if member is None or member.size != n * RECORD:
        there = "is not there" if member is None else f"has {member.size}"
        raise DataError(f"{name}: {part} should have {n * RECORD} bytes and {there}")
    f = tar.extractfile(member)
    data = b"" if f is None else f.read()
    if len(data) != n * RECORD:
        raise DataError(f"{name}: truncated within {part}")
    records = np.frombuffer(data, np.uint8).reshape(n, RECORD)
    images = records[:, 1:].reshape(n, 3, 32, 32).transpose(0, 2, 3, 1)  # channels last
    return np.ascontiguousarray(images), records[:, 0].astype(np.int64)
