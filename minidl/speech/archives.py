"""Kaldi's archives: features and alignments of many utterances in one file (ark), and an index of it (scp).

kaldiio reads and writes the arrays. It would also run commands that an scp names and load pickles that an ark holds, so
each entry is looked at first, and only plain files and Kaldi's own binary matrices and vectors get through.
"""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO

import numpy as np

from ..errors import ArgumentError, DataError, MissingExtra
from ..train.files import replacing

_LONGEST_NAME = 1000  # bytes
_HEAD = 24  # bytes that tell the kind and size of an array
_FOREIGN = "not one of Kaldi's binary arrays; write it anew with `copy-feats` or `copy-int-vector ... ark:FILE`"
# bytes of one element, of each column, and of what stands before them
_COMPRESSED = {b"CM": (1, 8), b"CM2": (2, 0), b"CM3": (1, 0)}


def write_features(
    path: str | os.PathLike[str], features: Mapping[str, np.ndarray], scp: str | os.PathLike[str] | None = None
) -> None:
    """Write a matrix for each utterance as float32.

    Parameters
    ----------
    path : path
        Of the archive.
    features : mapping of str to (T, D) float array
        By utterance, in the order in which they are written.
    scp : path, optional
        Of an index, which names the archive as `path` does. It is written last, so that it never points to nothing.

    Raises
    ------
    ArgumentError
        A name that is empty or has white space in it; an array of another kind; a `path` that an index cannot name.
    CheckpointError
        A file cannot be written; what was there is untouched.
    MissingExtra
        kaldiio is not installed.
    """
    _write(path, features, scp, _as_matrix)


def write_alignments(
    path: str | os.PathLike[str], alignments: Mapping[str, np.ndarray], scp: str | os.PathLike[str] | None = None
) -> None:
    """Write a vector (T,) of integers below 2**31 for each utterance; see :func:`write_features`."""
    _write(path, alignments, scp, _as_vector)


def read_features(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Read matrices (T, D) as float32, by utterance, in the file's order.

    Parameters
    ----------
    path : path
        An archive; or an index, whose name ends in .scp. What an index names is looked for from the working directory,
        as Kaldi does. Matrices of doubles and Kaldi's compressed ones become float32.

    Raises
    ------
    DataError
        Naming file and utterance: no such file; truncated or damaged; a name twice; an array of another kind, such as a
        vector, a text archive, a pickle or audio; a value that is not finite; in an index, anything but `name file:offset`,
        such as a command, which is never run.
    MissingExtra
        kaldiio is not installed.
    """
    return dict(_read(path, _read_matrix))


def read_alignments(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Read vectors (T,) of int32, by utterance, in the file's order; see :func:`read_features`."""
    return dict(_read(path, _read_vector))


def _kaldiio() -> Any:
    try:
        import kaldiio.matio
    except ImportError as error:
        raise MissingExtra(f"Kaldi archives need kaldiio ({error}); pip install 'minidl[speech]'") from error
    return kaldiio.matio


# -- writing ---------------------------------------------------------------------------------------------


def _write(
    path: str | os.PathLike[str],
    arrays: Mapping[str, np.ndarray],
    scp: str | os.PathLike[str] | None,
    convert: Callable[[str, np.ndarray], np.ndarray],
) -> None:
    kaldi = _kaldiio()
    for name in arrays:
        if name.split() != [name] or "\0" in name or len(name.encode()) > _LONGEST_NAME:
            raise ArgumentError(f"archive: {name[:80]!r} cannot name an utterance; leave out white space")
    if scp is not None and _location(os.fspath(path) + ":0") is None:
        raise ArgumentError(f"archive: an index cannot name {os.fspath(path)!r}; choose another file name")
    lines = []
    with replacing(path) as f:
        for name, array in arrays.items():
            f.write(name.encode() + b" ")
            lines.append(f"{name} {os.fspath(path)}:{f.tell()}\n")
            kaldi.write_array(f, convert(name, array))
    if scp is not None:
        with replacing(scp) as f:
            f.write("".join(lines).encode())


def _as_matrix(name: str, array: np.ndarray) -> np.ndarray:
    array = np.asarray(array)
    if array.ndim != 2 or array.dtype.kind != "f":
        raise ArgumentError(f"archive: features of {name} must be floats (T, D), got {array.dtype} {array.shape}")
    return array.astype(np.float32, copy=False)


def _as_vector(name: str, array: np.ndarray) -> np.ndarray:
    array = np.asarray(array)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise ArgumentError(f"archive: the alignment of {name} must be integers (T,), got {array.dtype} {array.shape}")
    if array.size and not (-(2**31) <= array.min() and array.max() < 2**31):
        raise ArgumentError(f"archive: the alignment of {name} holds numbers beyond 2**31")
    return array.astype(np.int32, copy=False)


# -- reading ---------------------------------------------------------------------------------------------


def _read(
    path: str | os.PathLike[str], read_array: Callable[[BinaryIO, int, str], np.ndarray]
) -> Iterator[tuple[str, np.ndarray]]:
    """Utterances and arrays; `read_array` gets a file at its place, how many bytes follow, and what to call it."""
    _kaldiio()  # that it is missing should not depend on what the file holds
    entries = _index_entries if os.fspath(path).endswith(".scp") else _archive_entries
    seen = set()
    for name, f, file_name in entries(path):
        where = f"{file_name}, utterance {name}"
        if name in seen:
            raise DataError(f"{where}: this name is there twice in {os.fspath(path)}")
        seen.add(name)
        try:
            yield name, read_array(f, os.fstat(f.fileno()).st_size - f.tell(), where)
        except DataError:
            raise
        except struct.error as error:
            raise DataError(f"{where}: truncated within the header of its array") from error
        except (AssertionError, ValueError) as error:  # kaldiio's
            raise DataError(f"{where}: damaged ({error or 'a mark is wrong'})") from error


@contextlib.contextmanager
def _opened(path: str | os.PathLike[str], where: str = "") -> Iterator[BinaryIO]:
    try:
        with open(path, "rb") as f:
            yield f
    except OSError as error:
        raise DataError(f"{where}cannot read {os.fspath(path)}: {error.strerror or error}") from error


def _archive_entries(path: str | os.PathLike[str]) -> Iterator[tuple[str, BinaryIO, str]]:
    """A name, and the file at the array that follows it; who takes it reads the array."""
    with _opened(path) as f:
        while start := f.read(_LONGEST_NAME + 1):
            raw, space, _ = start.partition(b" ")
            name = _name(raw)
            if not space or name is None:
                raise DataError(f"{os.fspath(path)}: no archive, or damaged: {raw[:40]!r} is no utterance's name")
            f.seek(len(raw) + 1 - len(start), os.SEEK_CUR)
            yield name, f, os.fspath(path)


def _index_entries(path: str | os.PathLike[str]) -> Iterator[tuple[str, BinaryIO, str]]:
    with _opened(path) as f:
        lines = f.read().split(b"\n")
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        raw, rest = [*line.split(None, 1), b""][:2]
        name, location = _name(raw), _location(rest.decode(errors="replace").strip())
        where = f"{os.fspath(path)}, line {number}"
        if name is None or location is None:
            raise DataError(
                f"{where}: must be `name file:offset`, got {line[:80]!r}; commands are never run, put their output in a file"
            )
        with _opened(location[0], f"{where}, utterance {name}: ") as f:
            if f.seek(0, os.SEEK_END) <= location[1]:
                raise DataError(
                    f"{where}, utterance {name}: {location[0]} ends before byte {location[1]}; was it truncated?"
                )
            f.seek(location[1])
            yield name, f, location[0]


def _name(raw: bytes) -> str | None:
    """An utterance's name, if it can be one."""
    try:
        name = raw.decode()
    except UnicodeDecodeError:
        return None
    return name if name.split() == [name] and "\0" not in name else None


def _location(text: str) -> tuple[str, int] | None:
    """File and offset of `file:offset`, None for anything else: pipes, standard input, ranges of rows."""
    file, colon, offset = text.rpartition(":")
    plain = bool(file.strip()) and colon and offset.isascii() and offset.isdigit() and len(offset) < 19
    if not plain or file.strip()[0] == "|" or file.strip()[-1] == "|" or any(c in file for c in "\n\r\0\ufffd"):
        return None
    return file, int(offset)


def _read_matrix(f: BinaryIO, n_bytes: int, where: str) -> np.ndarray:
    head = f.read(_HEAD)
    kind = head[2:].partition(b" ")[0]
    at = 3 + len(kind)
    if head[:2] != b"\0B" or kind not in (b"FM", b"DM", *_COMPRESSED):
        raise DataError(f"{where}: no matrix; {_FOREIGN}")
    if kind in _COMPRESSED:
        rows, columns = struct.unpack_from("<8xii", head, at)
        width, extra = _COMPRESSED[kind]
        needed = at + 16 + rows * columns * width + columns * extra
    else:
        rows, columns = struct.unpack_from("<xixi", head, at)
        needed = at + 10 + rows * columns * (4 if kind == b"FM" else 8)
    _check_size(min(rows, columns), needed, n_bytes, where)
    f.seek(-len(head), os.SEEK_CUR)
    with np.errstate(all="ignore"):  # what overflows is refused below
        matrix = np.array(_kaldiio().read_matrix_or_vector(f), np.float32)
    if not np.isfinite(matrix).all():
        raise DataError(f"{where}: frame {np.flatnonzero(~np.isfinite(matrix).all(1))[0]} is not finite; leave it out")
    return matrix


def _read_vector(f: BinaryIO, n_bytes: int, where: str) -> np.ndarray:
    head = f.read(_HEAD)
    if head[:3] != b"\0B\4":
        raise DataError(f"{where}: no vector of integers; {_FOREIGN}")
    (length,) = struct.unpack_from("<i", head, 3)
    _check_size(length, 7 + 5 * length, n_bytes, where)
    f.seek(-len(head), os.SEEK_CUR)
    return np.asarray(_kaldiio().read_int32vector(f))


def _check_size(least: int, needed: int, n_bytes: int, where: str) -> None:
    if least < 0:
        raise DataError(f"{where}: damaged: its header speaks of {least} rows or columns")
    if needed > n_bytes:  # asked before memory is
        raise DataError(f"{where}: truncated: {needed} bytes are promised, {n_bytes} are there")
