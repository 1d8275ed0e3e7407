"""Reads sentences: a line each, words between white space; plain or gzipped, and larger than memory if need be."""

from __future__ import annotations

import gzip
import os
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Literal, cast, get_args

from ..errors import ArgumentError, DataError

Splitting = Literal["words", "tokens", "characters"]

_MAX_LINE = 1 << 24  # bytes
_SPACES = " \t\n\r\f"  # other white space may be part of a word
_TOKEN = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")
SPACE = "\u2581"  # how a space is written where characters are words (as SentencePiece does): no word may hold a space


def read_lines(path: str | os.PathLike[str]) -> Iterator[str]:
    """The lines of a UTF-8 text without their ends; memory holds one of them.

    Parameters
    ----------
    path : path
        Gzipped, if it begins as such a file does.

    Raises
    ------
    DataError
        Not readable, damaged, not UTF-8 (with line and byte), or a line of more than 16 MiB.
    """
    offset = 0
    try:
        with _open(path) as file:
            number = 0
            while line := file.readline(_MAX_LINE + 1):
                number += 1
                if len(line) > _MAX_LINE:
                    raise DataError(f"{path}, line {number}: longer than {_MAX_LINE >> 20} MiB; is it a text?")
                try:
                    yield line.decode().rstrip("\r\n")
                except UnicodeDecodeError as error:
                    place = offset + error.start
                    raise DataError(f"{path}, line {number}, byte {place}: not UTF-8; convert it with iconv") from None
                offset += len(line)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error


def read_sentences(
    path: str | os.PathLike[str], splitting: Splitting = "words", keep_empty: bool = True
) -> Iterator[list[str]]:
    """The sentences of a text: a line's words, or its characters.

    Parameters
    ----------
    path : path
    splitting : {"words", "tokens", "characters"}
        See :func:`split`.
    keep_empty : bool
        An empty line is a sentence without words, as for KenLM, whose figures then agree; or it is left out.

    Raises
    ------
    DataError
        See :func:`read_lines`.
    """
    for line in read_lines(path):
        words = split(line, splitting)
        if words or keep_empty:
            yield words


def split(line: str, splitting: Splitting = "words") -> list[str]:
    """What a line is made of.

    Parameters
    ----------
    line : str
    splitting : {"words", "tokens", "characters"}
        What stands between spaces; or words, numbers and marks in lower case, for text as people write it; or characters,
        white space being U+2581.
    """
    if splitting == "words":
        return split_words(line)
    if splitting == "tokens":
        return _TOKEN.findall(line.lower())
    if splitting == "characters":
        return [SPACE if c in _SPACES else c for c in line]
    raise ArgumentError(f"splitting must be one of {', '.join(get_args(Splitting))}, not {splitting!r}")


def split_words(line: str) -> list[str]:
    """The words of a line: what stands between spaces and tabs."""
    for space in _SPACES[1:]:
        line = line.replace(space, " ")
    return [word for word in line.split(" ") if word]


def _open(path: str | os.PathLike[str]) -> BinaryIO:
    file = Path(path).open("rb")
    start = file.peek(2)[:2]
    if start != b"\x1f\x8b":
        return file
    file.close()
    return cast(BinaryIO, gzip.open(path, "rb"))
