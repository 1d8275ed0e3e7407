"""TextGrid, the text format of Praat: tiers of labelled intervals without holes, such as words above their phones."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

from ...errors import ArgumentError, DataError
from .segment import Segment, checked

# A quoted text, a comment, anything else up to a space or quote, and a quote without its end.
_TOKEN = re.compile(r'"(?P<text>[^"]*(?:""[^"]*)*)"|![^\n]*|(?P<word>[^\s"]+|")')
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_FLAGS = {"<exists>": True, "<absent>": False}
_DIGITS = 6  # of a time, after the point
_Value = TypeVar("_Value", str, float, bool)


def textgrid(tiers: Mapping[str, Sequence[Segment]], end: float | None = None) -> str:
    """Tiers, such as words and phones, as Praat's long TextGrid text; what has no segment is an empty interval.

    Parameters
    ----------
    tiers : mapping of name to segments
        In order of time, without overlap.
    end : float, optional
        Of the recording; if not given, that of the last segment.

    Raises
    ------
    ArgumentError
        No tiers, or none with a length; segments that overlap, end after `end` or have no length; times that are none; an
        empty label (Praat's sign for a hole).
    """
    if end is None:
        end = max((s.end for own in tiers.values() for s in own), default=0.0)
    last = round(end, _DIGITS) if math.isfinite(end) else math.inf
    if not tiers or not 0 < last < math.inf:
        raise ArgumentError(f"textgrid: it must have tiers and end after 0 seconds, got {len(tiers)} and {last}")
    lines = [
        'File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0", f"xmax = {last:.6f}", "tiers? <exists>",
        f"size = {len(tiers)}", "item []:",
    ]  # fmt: skip
    for number, (name, own) in enumerate(tiers.items(), 1):
        intervals = _without_holes(name, own, last)
        lines += [
            f"    item [{number}]:", '        class = "IntervalTier"', f"        name = {_quoted(name)}", "        xmin = 0",
            f"        xmax = {last:.6f}", f"        intervals: size = {len(intervals)}",
        ]  # fmt: skip
        for place, s in enumerate(intervals, 1):
            lines += [
                f"        intervals [{place}]:", f"            xmin = {s.start:.6f}", f"            xmax = {s.end:.6f}",
                f"            text = {_quoted(s.label)}",
            ]  # fmt: skip
    return "\n".join(lines) + "\n"


def parse_textgrid(text: str, name: str = "TextGrid") -> dict[str, tuple[Segment, ...]]:
    """The interval tiers by name, without their empty intervals; tiers of points are read over.

    Praat looks only at quoted texts, at numbers and at ``<exists>``, each with space around, wherever they stand; so does
    this, and so it reads Praat's short format, too.

    Parameters
    ----------
    text : str
        Praat writes UTF-8, or UTF-16 with a mark at the start.
    name : str
        Of the file, for messages.

    Raises
    ------
    DataError
        With the line: not a TextGrid, cut off, something else where a number or text is expected, intervals that overlap or
        end before they start, two tiers of the same name.
    """
    reader = _Reader(text, name)
    if reader.text() not in ("ooTextFile", "ooTextFile short") or reader.text() != "TextGrid":
        raise reader.error("this is not a TextGrid in text format; in Praat choose Save as text file")
    reader.number(), reader.number()
    tiers = dict[str, tuple[Segment, ...]]()
    for _ in range(reader.count() if reader.flag() else 0):
        kind, tier = reader.text(), reader.text()
        reader.number(), reader.number()
        if kind == "IntervalTier":
            if tier in tiers:
                raise reader.error(f"a second tier {tier!r}; rename one")
            tiers[tier] = _intervals(reader)
        elif kind == "TextTier":
            for _ in range(reader.count()):
                reader.number(), reader.text()
        else:
            raise reader.error(f"a tier is an IntervalTier or a TextTier, not {kind[:40]!r}")
    return tiers


def _intervals(reader: _Reader) -> tuple[Segment, ...]:
    intervals, last = list[Segment](), -math.inf
    for _ in range(reader.count()):
        start, end, label = reader.number(), reader.number(), reader.text()
        if start < last or end < start:
            raise reader.error(f"an interval from {start} to {end} after one that ends at {last}")
        last = end
        if label.strip():
            intervals.append(Segment(label, start, end))
    return tuple(intervals)


class _Reader:
    """Takes the texts, numbers and flags of a file one after the other."""

    def __init__(self, text: str, name: str) -> None:
        self._whole, self._name, self._place = text, name, 0
        self._values = self._scan()

    def text(self) -> str:
        return self._take(str, "a text in quotes")

    def number(self) -> float:
        return self._take(float, "a number")

    def flag(self) -> bool:
        return self._take(bool, "<exists>")

    def count(self) -> int:
        number = self.number()
        if number < 0 or not number.is_integer():
            raise self.error(f"{number} is no count")
        return int(number)

    def error(self, reason: str) -> DataError:
        return DataError(f"{self._name}, line {1 + self._whole.count(chr(10), 0, self._place)}: {reason}")

    def _take(self, kind: type[_Value], wanted: str) -> _Value:
        value = next(self._values, None)
        if not isinstance(value, kind):
            raise self.error(f"{wanted} is expected, and there is {'the end' if value is None else repr(value)[:40]}")
        return value

    def _scan(self) -> Iterator[str | float | bool]:
        for token in _TOKEN.finditer(self._whole):
            self._place = token.start()
            text, word = token["text"], token["word"]
            if text is not None:
                yield text.replace('""', '"')
            elif word == '"':
                raise self.error("a text without its closing quote")
            elif word in _FLAGS:
                yield _FLAGS[word]
            elif word and _NUMBER.fullmatch(word):
                number = float(word)
                if math.isinf(number):
                    raise self.error(f"the number {word[:40]} is too large")
                yield number


def _without_holes(tier: str, segments: Sequence[Segment], end: float) -> list[Segment]:
    """Times rounded as they are written, with empty segments in between."""
    whole, last = list[Segment](), 0.0
    for s in checked(segments):
        start, stop = round(s.start, _DIGITS), round(s.end, _DIGITS)
        if not last <= start < stop <= end or not s.label.strip():
            raise ArgumentError(
                f"textgrid: in tier {tier!r}, {s.label!r} from {start} to {stop} must have a label and a length, start at "
                f"{last} (the end of the one before) or later, and end by {end}"
            )
        if last < start:
            whole.append(Segment("", last, start))
        whole.append(Segment(s.label, start, stop))
        last = stop
    return [*whole, Segment("", last, end)] if last < end else whole


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
