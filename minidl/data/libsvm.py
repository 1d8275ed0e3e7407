"""Reads LIBSVM's text format: a line per example, ``label feature:value feature:value ...``, plain or gzipped.

Format: https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/ (README of LIBSVM). Features ascend; most files count
them from 1, some from 0. What follows a # is a remark.
"""

from __future__ import annotations

import os
import zlib
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..errors import DataError
from .sparse import SparseRows

MAX_ENTRIES = 1 << 30  # 12 GB of features and values
MAX_FEATURE = 1 << 30
_MAX_LINE = 1 << 24  # bytes
_CHUNK = 1 << 20


def read(path: str | os.PathLike[str], n_features: int | None = None, most: int = MAX_ENTRIES) -> SparseRows:
    """Read a file; memory follows what it holds, not how well it was compressed.

    Parameters
    ----------
    path : path
    n_features : int, optional
        For a test set: at least as many features as the training set has. By default, as the file needs.
    most : int
        Entries that the file may have.

    Returns
    -------
    SparseRows
        Labels are -1 and 1: of two different ones in the file the smaller is -1.

    Raises
    ------
    DataError
        With file and line: not readable, damaged, not of this format, more than two classes, too large.
    """
    name = str(path)
    starts, features, values, labels = array("q", [0]), array("q"), array("f"), array("d")
    try:
        with Path(path).open("rb") as file:
            for number, line in enumerate(_lines(file, name), 1):
                if words := line.partition(b"#")[0].split():
                    _add(words, features, values, labels, f"{name}, line {number}")
                    starts.append(len(features))
                    if len(features) > most:
                        raise DataError(f"{name}, line {number}: more than {most:,} entries; take a part of the file")
    except OSError as error:
        raise DataError(f"cannot read {name}: {error.strerror or error}") from error
    if not labels:
        raise DataError(f"{name}: there is no example in it")
    found = np.frombuffer(features, np.int64) if features else np.zeros(0, np.int64)
    first = 0 if len(found) and found.min() == 0 else 1  # counted from 0 or from 1
    return SparseRows(
        np.array(starts, np.int64), found - np.int64(first), np.array(values, np.float32),
        _two_classes(np.array(labels), name), _width(found, first, n_features, name),
    )  # fmt: skip


def _width(found: np.ndarray, first: int, wished: int | None, name: str) -> int:
    needed = int(found.max()) + 1 - first if len(found) else 1
    if wished is not None and wished < needed:
        raise DataError(f"{name}: has {needed} features, more than the {wished} that were expected")
    return wished or max(needed, 1)


def _add(words: list[bytes], features: array, values: array, labels: array, where: str) -> None:
    """Append one example, or raise with its place."""
    label = _number(words[0], where, "the label")
    before = -1
    for word in words[1:]:
        feature, colon, value = word.partition(b":")
        if feature == b"qid" and before < 0:
            continue  # the query of a ranking problem
        if not colon or not feature.isdigit() or len(feature) > 10 or int(feature) > MAX_FEATURE:
            raise DataError(f"{where}: expected FEATURE:VALUE with a feature of at most {MAX_FEATURE}, got {_shown(word)}")
        if int(feature) <= before:
            raise DataError(f"{where}: features must ascend, and {int(feature)} comes after {before}")
        before = int(feature)
        features.append(before)
        values.append(_number(value, where, f"the value of feature {before}"))
    labels.append(label)


def _number(word: bytes, where: str, what: str) -> float:
    try:
        value = float(word) if b"_" not in word else np.nan  # Python alone reads 1_000
    except ValueError:
        value = np.nan
    if not abs(value) < 3e38:  # what float32 holds; also false for NaN
        raise DataError(f"{where}: {what} is not a finite number: {_shown(word)}")
    return value


def _two_classes(labels: np.ndarray, name: str) -> np.ndarray:
    classes = np.unique(labels)
    if len(classes) > 2:
        some = ", ".join(f"{c:g}" for c in classes[:5]) + (", ..." if len(classes) > 5 else "")
        raise DataError(f"{name}: {len(classes)} classes ({some}), and only two can be told apart; keep two of them")
    if len(classes) == 1 and classes[0] not in (-1, 0, 1):
        raise DataError(f"{name}: all labels are {classes[0]:g}; there is nothing to tell apart")
    high = classes[-1] if len(classes) == 2 else 1
    return np.where(labels == high, 1, -1).astype(np.float32)


def _lines(file: BinaryIO, name: str) -> Iterator[bytes]:
    """Lines of a plain or gzipped file, never more than one chunk unpacked ahead."""
    rest, number = b"", 1
    for chunk in _unpacked(file, name):
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines
        number += len(lines)
        if len(rest) > _MAX_LINE:
            raise DataError(f"{name}, line {number}: longer than {_MAX_LINE >> 20} MB; is this a LIBSVM file?")
    if rest:
        yield rest


def _unpacked(file: BinaryIO, name: str) -> Iterator[bytes]:
    first = file.read(_CHUNK)
    if first[:2] != b"\x1f\x8b":
        while first:
            yield first
            first = file.read(_CHUNK)
        return
    gz = zlib.decompressobj(wbits=31)
    try:
        data = first
        while data or gz.unconsumed_tail:
            yield gz.decompress(gz.unconsumed_tail + data, _CHUNK)
            data = b""
            if gz.eof:
                data, gz = gz.unused_data or file.read(_CHUNK), zlib.decompressobj(wbits=31)  # several members
                if not data:
                    return
            elif not gz.unconsumed_tail:
                data = file.read(_CHUNK)
    except zlib.error as error:
        raise DataError(f"{name}: damaged ({error})") from error
    raise DataError(f"{name}: truncated: the gzip data end too early")


def _shown(word: bytes) -> str:
    text = word[:30].decode("ascii", "backslashreplace")
    return repr(text + ("..." if len(word) > 30 else ""))
