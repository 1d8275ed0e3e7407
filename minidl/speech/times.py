"""When the phones and words of an aligned utterance were said, as segments in seconds."""

from __future__ import annotations

from collections.abc import Sequence

from .extraction import FeatureSettings
from .phones import Alignment, PhoneSet
from .segments import Segment, frames_to_segments


def phone_segments(alignment: Alignment, phones: PhoneSet, settings: FeatureSettings) -> tuple[Segment, ...]:
    """Of each phone, silences too."""
    labels = [phones.names[phone] for phone in alignment.phones]
    return frames_to_segments(labels, settings.shift, settings.offset, alignment.units)


def word_segments(alignment: Alignment, words: Sequence[str], settings: FeatureSettings) -> tuple[Segment, ...]:
    """Of each word; `words` are those that were aligned."""
    found = frames_to_segments([str(word) for word in alignment.words], settings.shift, settings.offset)
    return tuple(Segment(words[int(s.label)], s.start, s.end) for s in found if int(s.label) >= 0)


def boundaries_within(
    found: Sequence[Segment], true: Sequence[Segment], silence: str, tolerance: float = 0.02
) -> tuple[int, int]:
    """How many starts and ends of spoken phones are within `tolerance` seconds of the truth, and how many there are.

    Where other phones were aligned than were said, none counts as right.
    """
    own, other = ([s for s in side if s.label != silence] for side in (found, true))
    if [s.label for s in own] != [s.label for s in other]:
        return 0, 2 * len(other)
    close = sum(
        (abs(a.start - b.start) <= tolerance) + (abs(a.end - b.end) <= tolerance) for a, b in zip(own, other, strict=True)
    )
    return close, 2 * len(other)
