"""Writes and reads back-off models as binary files, which are mapped into memory and so open at once, however large.

The layout is that of safetensors (https://github.com/huggingface/safetensors): eight bytes of header length, a JSON
header, and the arrays of a model. Opening reads the header and the vocabulary, and looks at the ends of each table;
the rest comes from the disk when it is needed, and processes that map the same file share it.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import zlib
from pathlib import Path
from typing import Any, cast

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from ..errors import DataError
from .ngram.backoff import BackoffModel
from .ngram.counts import Table, unigrams
from .vocabulary import SPECIAL, Vocabulary

_FORMAT, _VERSION = "minidl back-off n-gram model", "1"
_DTYPES = {"U8": np.uint8, "I64": np.int64, "F32": np.float32}
_MAX_ORDER = 20


# -- writing ---------------------------------------------------------------------------------------------


def write_binary(model: BackoffModel, path: str | os.PathLike[str]) -> None:
    """Write a model to a file, which appears under its name when it is complete and on the disk.

    Parameters
    ----------
    model : BackoffModel
    path : path
        What stood there is replaced at the end, or untouched.

    Raises
    ------
    DataError
        The file cannot be written.
    """
    path = Path(path)
    arrays = _arrays(model)
    metadata = {"format": _FORMAT, "version": _VERSION, "order": str(model.order)}
    metadata |= {f"crc32.{name}": str(_checksum(array)) for name, array in arrays.items()}
    temporary = None
    try:
        with tempfile.NamedTemporaryFile(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent, delete=False) as file:
            temporary = file.name
            save_file(arrays, temporary, metadata)
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
        temporary = None
    except (OSError, SafetensorError) as error:
        raise DataError(f"cannot write {path}: {getattr(error, 'strerror', None) or error}") from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)


def _arrays(model: BackoffModel) -> dict[str, np.ndarray]:
    words = "\n".join(model.vocabulary.words).encode()
    arrays = {"vocabulary": np.frombuffer(words, np.uint8)}
    for k, table in enumerate(model.tables[1:], 2):
        arrays |= {f"keys.{k}": table.keys, f"context.{k}": table.context, f"suffix.{k}": table.suffix}
    arrays |= {f"log_probs.{k}": array for k, array in enumerate(model.log_probs, 1)}
    arrays |= {f"backoffs.{k}": array for k, array in enumerate(model.backoffs, 1)}
    return {name: np.ascontiguousarray(array) for name, array in arrays.items()}


def _checksum(array: np.ndarray) -> int:
    return zlib.crc32(array.view(np.uint8).data)


# -- reading ---------------------------------------------------------------------------------------------


def read_binary(path: str | os.PathLike[str], verify: bool = False) -> BackoffModel:
    """Map a model into memory.

    The file must stay as it is while the model is in use. Damage inside the tables is not seen without `verify`; scores
    are wrong then, but nothing outside an array is read for them. Verify a file before its n-grams are written or pruned.

    Parameters
    ----------
    path : path
    verify : bool
        Read all of it, and check each array's checksum and what is in it.

    Raises
    ------
    DataError
        With the path: no such file, not this format or a newer one, truncated, altered.
    """
    return _File(path, verify).model()


class _File:
    """The arrays of a file by name, mapped.

    Parameters
    ----------
    path, verify : see :func:`read_binary`
    """

    def __init__(self, path: str | os.PathLike[str], verify: bool) -> None:
        self.path, self.verify = path, verify
        try:
            with safe_open(path, framework="np") as file:  # sees to it that the header is sound and fits the file's size
                self.metadata = file.metadata() or {}
            with open(path, "rb") as file:
                length = int.from_bytes(file.read(8), "little")
                self.entries = cast(dict[str, Any], json.loads(file.read(length)))
            self.data = np.memmap(path, np.uint8, "r", offset=8 + length).view(np.ndarray)
        except (OSError, SafetensorError, ValueError) as error:
            raise DataError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error
        if self.metadata.get("format") != _FORMAT:
            raise self.fail("no n-gram model of minidl")
        if self.metadata.get("version") != _VERSION:
            raise self.fail(f"of version {self.metadata.get('version', '?')[:20]}; this minidl reads version {_VERSION}")

    def fail(self, what: str) -> DataError:
        """An error of this file."""
        return DataError(f"{self.path}: {what}")

    def array(self, name: str, dtype: str, length: int | None = None) -> np.ndarray:
        """One of them, of so many numbers."""
        entry = self.entries.get(name)
        if entry is None:
            raise self.fail(f"it has no {name}; it was altered")
        if entry["dtype"] != dtype or len(entry["shape"]) != 1 or length not in (None, entry["shape"][0]):
            raise self.fail(f"{name} is {entry['dtype']} of shape {entry['shape']}, which does not fit; it was altered")
        start, stop = entry["data_offsets"]
        array = self.data[start:stop].view(_DTYPES[dtype])
        if self.verify and self.metadata.get(f"crc32.{name}") != str(_checksum(array)):
            raise self.fail(f"the checksum of {name} does not match; it was damaged or altered after it was written")
        return array

    def model(self) -> BackoffModel:
        """All of it."""
        order = self.metadata.get("order", "")
        if not (order.isascii() and order.isdigit() and 1 <= len(order) <= 2 and 1 <= int(order) <= _MAX_ORDER):
            raise self.fail(f"its order is {order[:20]!r}; at most {_MAX_ORDER} are read")
        vocabulary = self._vocabulary()
        tables, log_probs, backoffs = [unigrams(len(vocabulary))], list[np.ndarray](), list[np.ndarray]()
        for k in range(1, int(order) + 1):
            if k > 1:
                tables.append(self._table(k, tables))
            log_probs.append(self._logarithms(f"log_probs.{k}", len(tables[-1]), 1e-6))
            if k < int(order):
                backoffs.append(self._logarithms(f"backoffs.{k}", len(tables[-1]), np.inf))
        return BackoffModel(vocabulary, tables, log_probs, backoffs)

    def _vocabulary(self) -> Vocabulary:
        try:
            words = self.array("vocabulary", "U8").tobytes().decode().split("\n")
            if tuple(words[: len(SPECIAL)]) != SPECIAL:
                raise self.fail("its vocabulary does not begin with the special words; it was altered")
            return Vocabulary(words[len(SPECIAL) :])
        except UnicodeDecodeError:
            raise self.fail("its vocabulary is not UTF-8; it was altered") from None
        except DataError as error:
            raise error if str(error).startswith(str(self.path)) else self.fail(str(error)) from None

    def _table(self, k: int, below: list[Table]) -> Table:
        keys = self.array(f"keys.{k}", "I64")
        table = Table(keys, *(self.array(f"{name}.{k}", "I64", len(keys)) for name in ("context", "suffix")))
        looked_at = slice(None) if self.verify else [0, -1]
        if len(table) and not _sound(table, below, looked_at):
            raise self.fail(f"its table of {k}-grams holds what cannot be; it was damaged or altered")
        return table

    def _logarithms(self, name: str, length: int, most: float) -> np.ndarray:
        array = self.array(name, "F32", length)
        looked_at = array if self.verify else array[[0, -1]] if length else array
        if not (looked_at <= most).all():  # NaN, too
            raise self.fail(f"{name} holds what is no logarithm; it was damaged or altered")
        return array


def _sound(table: Table, below: list[Table], at: slice | list[int]) -> bool:
    """Whether some rows of a table are what they must be."""
    size, last = len(below[0]), below[-1]
    keys, context, suffix = table.keys[at], table.context[at], table.suffix[at]
    there = suffix >= 0
    return bool(
        (keys[1:] >= keys[:-1]).all()
        and keys[0] >= 0
        and keys[-1] < len(last) * size
        and (context == keys // size).all()
        and (suffix >= -1).all()
        and (suffix < len(last)).all()
        and (last.keys[suffix[there]] % size == keys[there] % size).all()
    )
