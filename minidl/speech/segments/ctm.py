"""CTM, Kaldi's text format for alignments: utterance, channel, start, duration, label, and perhaps a confidence."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from math import inf

from ...errors import ArgumentError, DataError
from .segment import Segment, checked

_FIELD = re.compile(r"[^ \t\r\n\v\f]+")  # other spaces of Unicode may be part of a name
_NUMBER = re.compile(r"[0-9]+\.?[0-9]*(?:[eE][+-]?[0-9]+)?|\.[0-9]+")
_COMMENT = ";;"
_DIGITS = 9  # after the point: what a sum of two numbers in a file is rounded to


def ctm(segments: Mapping[str, Sequence[Segment]], channel: str = "1") -> str:
    """Segments by utterance as CTM text, times in millionths of a second.

    Raises
    ------
    ArgumentError
        A name or label that is empty, has a space or begins as a comment does; times that are none.
    """
    for name in (channel, *segments):
        _check_name(name)
    return "".join(
        f"{utterance} {channel} {s.start:.6f} {round(s.end, 6) - round(s.start, 6):.6f} {_check_name(s.label)}\n"
        for utterance, own in segments.items()
        for s in checked(own)
    )


def parse_ctm(text: str, name: str = "CTM") -> dict[str, tuple[Segment, ...]]:
    """Segments by utterance, in the order of the text. Confidences are read over, as are comments (``;;``).

    Parameters
    ----------
    text : str
    name : str
        Of the file, for messages.

    Raises
    ------
    DataError
        With the line: too few or many columns, no number, time before 0, an utterance with two channels.
    """
    segments, channels = dict[str, list[Segment]](), dict[str, str]()
    for number, line in enumerate(text.split("\n"), 1):
        fields = _FIELD.findall(line)
        if not fields or fields[0].startswith(";;"):
            continue
        if len(fields) not in (5, 6):
            raise DataError(
                f"{name}, line {number}: utterance, channel, start, duration, label and perhaps a confidence are expected, "
                f"there are {len(fields)} columns"
            )
        utterance, channel, *times, label = fields[:5]
        start, duration, *_ = (_time(field, f"{name}, line {number}") for field in (*times, *fields[5:]))
        if channels.setdefault(utterance, channel) != channel:
            raise DataError(f"{name}, line {number}: utterance {utterance!r} has another channel before; split the file")
        segments.setdefault(utterance, []).append(Segment(label, start, round(start + duration, _DIGITS)))
    return {utterance: tuple(own) for utterance, own in segments.items()}


def _check_name(name: str) -> str:
    if not _FIELD.fullmatch(name) or name.startswith(_COMMENT):
        raise ArgumentError(f"ctm: a name or label is not empty, has no spaces and does not begin with ;;, got {name!r}")
    return name


def _time(text: str, where: str) -> float:
    value = float(text) if _NUMBER.fullmatch(text) else inf
    if value == inf:
        raise DataError(f"{where}: times and confidences are numbers from 0 on, got {text[:40]!r}")
    return value
