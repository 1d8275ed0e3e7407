"""When the phones and words of an aligned utterance were said, as segments in seconds."""

from __future__ import annotations

from collections.abc import Sequence

from .extraction import FeatureSettings
from .phones import Alignment, PhoneSet
from .phones.transcript import NO_WORD
from .segments import Segment

_ROUNDING = 1e-9  # seconds: so that a time which is off by just the tolerance is within it


def phone_segments(alignment: Alignment, phones: PhoneSet, settings: FeatureSettings) -> tuple[Segment, ...]:
    """Of each phone, silences too; one ends where the next begins."""
    spans = alignment.spans(alignment.units)
    return tuple(_segment(phones.names[alignment.phones[first]], first, end, settings) for _, first, end in spans)


def word_segments(alignment: Alignment, words: Sequence[str], settings: FeatureSettings) -> tuple[Segment, ...]:
    """Of each word; `words` are those that were aligned."""
    spans = alignment.spans(alignment.words)
    return tuple(_segment(words[place], first, end, settings) for place, first, end in spans if place != NO_WORD)


def _segment(label: str, first: int, end: int, settings: FeatureSettings) -> Segment:
    """What was said from one frame to before another."""
    return Segment(label, settings.offset + first * settings.shift, settings.offset + end * settings.shift)


def boundaries_within(
    found: Sequence[Segment], true: Sequence[Segment], silence: str, tolerance: float = 0.02
) -> tuple[int, int]:
    """How many starts and ends of spoken phones are within `tolerance` seconds of the truth, and how many there are.

    Where other phones were aligned than were said, none counts as right.
    """
    own, other = ([s for s in side if s.label != silence] for side in (found, true))
    if [s.label for s in own] != [s.label for s in other]:
        return 0, 2 * len(other)
    errors = [abs(late) for a, b in zip(own, other, strict=True) for late in (a.start - b.start, a.end - b.end)]
    return sum(error <= tolerance + _ROUNDING for error in errors), len(errors)
