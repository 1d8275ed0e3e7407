"""Headers: which kind of audio file it is, and how many samples its header promises that are not there.

libsndfile reads a truncated WAV or SPHERE file to its end and says nothing, so that its missing half would go unnoticed; and
it takes what follows the samples of a SPHERE file for more of them. FLAC and OGG are compressed: there only reading tells.
"""

from __future__ import annotations

import struct

from ...errors import DataError

START = 12  # bytes that tell the kind
_MOST_CHUNKS = 1000
_LONGEST_HEADER = 2**16  # bytes of SPHERE text
_UNKNOWN = 0xFFFFFFFF  # what programs that write to a pipe give as the size


def kind(start: bytes, name: str) -> str:
    """WAV, FLAC, OGG or SPHERE, by the file's first 12 bytes; DataError for others."""
    if start[:4] == b"RIFF" and start[8:12] == b"WAVE":
        return "WAV"
    for magic, found in ((b"fLaC", "FLAC"), (b"OggS", "OGG"), (b"NIST_1A", "SPHERE")):
        if start.startswith(magic):
            return found
    if not start:
        raise DataError(f"{name}: the file is empty")
    raise DataError(f"{name}: not a WAV, FLAC, OGG or NIST SPHERE file (it begins with {start!r})")


def promised_length(data: bytes, name: str) -> int | None:
    """How many samples of each channel a WAV or SPHERE file has by its header; None if only reading tells.

    Raises
    ------
    DataError
        The file is shorter than that; it tells how many are missing.
    """
    found = kind(data[:START], name)
    promise = _wav(data) if found == "WAV" else _sphere(data) if found == "SPHERE" else None
    if promise is None or min(promise) <= 0:  # programs that write to a pipe do not know the length
        return None
    promised, offset, width = promise
    check_missing(promised - (len(data) - offset) // width, promised, name)
    return promised


def check_missing(missing: int, promised: int, name: str) -> None:
    """DataError if samples are missing."""
    if missing > 0:
        raise DataError(
            f"{name}: truncated: {missing} of the {promised} samples that its header promises are missing; get it anew"
        )


def _wav(data: bytes) -> tuple[int, int, int] | None:
    """How many samples, where they begin, and the bytes of one with all its channels; None if there is no such header.

    RIFF is a chain of chunks, each with a name, a size and, if the size is odd, a byte of padding.
    """
    offset, width = START, 0
    for _ in range(_MOST_CHUNKS):
        if offset + 8 > len(data):
            return None
        chunk, size = struct.unpack_from("<4sI", data, offset)
        offset += 8
        if chunk == b"fmt " and offset + 14 <= len(data):
            (width,) = struct.unpack_from("<H", data, offset + 12)
        if chunk == b"data":
            return (size // width, offset, width) if width and size != _UNKNOWN else None
        offset += size + size % 2
    return None


def _sphere(data: bytes) -> tuple[int, int, int] | None:
    """As for WAV; NIST's header is text of the form `name -type value`, and its second line is its length."""
    lines = data[:_LONGEST_HEADER].partition(b"end_head")[0].split(b"\n")
    fields = {words[0]: words[2] for words in (line.split() for line in lines) if len(words) == 3}
    try:
        width = int(fields[b"sample_n_bytes"]) * int(fields.get(b"channel_count", 1))
        return int(fields[b"sample_count"]), int(lines[1]), width
    except (KeyError, ValueError, IndexError):
        return None
