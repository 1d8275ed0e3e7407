"""The small text files of a Kaldi data folder: which utterance is where, who said it, and what was said.

Format: https://kaldi-asr.org/doc/data_prep.html. A line is a name and what belongs to it.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import DataError
from ...language.text import read_lines, split_words

_SPACES = " \t\r\f\v"  # as in Kaldi: other white space may be part of a name
_GAP = re.compile(f"[{_SPACES}]+")


@dataclass(frozen=True)
class Clip:
    """A recording, or the stretch of it from `start` to `end` in seconds; an `end` of None is the recording's."""

    path: Path
    start: float = 0.0
    end: float | None = None


@dataclass(frozen=True)
class Problem:
    """Why something cannot be used."""

    reason: str


def read_table(path: Path) -> dict[str, str | Problem]:
    """What belongs to each name, in the file's order; a name that comes twice is a Problem.

    Raises
    ------
    DataError
        Unreadable, not UTF-8 (with line and byte); see :func:`minidl.language.text.read_lines`.
    """
    table: dict[str, str | Problem] = {}
    for line in read_lines(path):
        fields = _GAP.split(line.lstrip("\ufeff").strip(_SPACES), maxsplit=1)
        if fields[0]:
            name, rest = fields[0], fields[1] if len(fields) > 1 else ""
            table[name] = Problem(f"more than once in {path}") if name in table else rest
    return table


def read_transcripts(path: Path) -> dict[str, tuple[str, ...] | Problem]:
    """The words of each utterance, of a file ``text``; none is a Problem."""

    def words(rest: str) -> tuple[str, ...] | Problem:
        return tuple(split_words(rest)) or Problem(f"its transcript in {path} is empty")

    return {name: rest if isinstance(rest, Problem) else words(rest) for name, rest in read_table(path).items()}


def read_speakers(path: Path) -> dict[str, str | Problem]:
    """The speaker of each utterance, of a file ``utt2spk``; none, or several, is a Problem."""

    def speaker(rest: str) -> str | Problem:
        return rest if len(split_words(rest)) == 1 else Problem(f"{path} should name one speaker, not {rest[:40]!r}")

    return {name: rest if isinstance(rest, Problem) else speaker(rest) for name, rest in read_table(path).items()}


def read_recordings(path: Path, places: Sequence[Path]) -> dict[str, Clip | Problem]:
    """The file of each recording, of a file ``wav.scp``; one that is not there is a Problem.

    Parameters
    ----------
    path : Path
    places : sequence of Path
        What relative paths may be relative to; the first counts where the file is.

    Raises
    ------
    DataError
        As :func:`read_table`; or a command in place of a file, as Kaldi allows: minidl runs none.
    """
    found: dict[str, Clip | Problem] = {}
    for name, rest in read_table(path).items():
        if not isinstance(rest, Problem) and rest.endswith("|"):
            raise DataError(
                f"{path}: {name} is a command, not a file ({rest[:60]!r}), and minidl runs none; "
                "run it yourself, and name the files that it writes"
            )
        found[name] = rest if isinstance(rest, Problem) else _located(rest, path, places)
    return found


def read_segments(path: Path, recordings: dict[str, Clip | Problem]) -> dict[str, Clip | Problem]:
    """The stretch that each utterance is, of a file ``segments``; what cannot be is a Problem.

    An end of -1 is that of the recording, as in Kaldi.
    """
    return {
        name: rest if isinstance(rest, Problem) else _stretch(rest, path, recordings)
        for name, rest in read_table(path).items()
    }


def _located(named: str, path: Path, places: Iterable[Path]) -> Clip | Problem:
    if not named:
        return Problem(f"no file in {path}")
    for place in dict.fromkeys(places):
        if os.path.isfile(place / named):  # Path.is_file raises where a name is too long to be one
            return Clip(place / named)
    return Problem(f"no file {named[:200]}, seen from {', '.join(str(p) for p in dict.fromkeys(places))}")


def _stretch(rest: str, path: Path, recordings: dict[str, Clip | Problem]) -> Clip | Problem:
    try:
        recording, *times = split_words(rest)
        start, end = map(float, times)
    except ValueError:
        return Problem(f"{path} should name a recording, a start and an end, not {rest[:60]!r}")
    if not (0 <= start < math.inf and (start < end < math.inf or end == -1)):
        return Problem(f"{path}: it cannot go from {start:g} to {end:g} seconds")
    whole = recordings.get(recording, Problem(f"its recording {recording} is not in wav.scp"))
    return whole if isinstance(whole, Problem) else Clip(whole.path, start, None if end == -1 else end)
