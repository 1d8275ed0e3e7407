"""The ten English digits and their phones."""

from __future__ import annotations

from .model import Lexicon

_PRONUNCIATIONS = {
    "zero": ("Z IH R OW", "Z IY R OW"),
    "one": ("W AH N",),
    "two": ("T UW",),
    "three": ("TH R IY",),
    "four": ("F AO R",),
    "five": ("F AY V",),
    "six": ("S IH K S",),
    "seven": ("S EH V AH N",),
    "eight": ("EY T",),
    "nine": ("N AY N",),
}


def digits() -> Lexicon:
    """The lexicon of ``zero`` to ``nine``: as the CMU Pronouncing Dictionary has them, without the stress of vowels."""
    return Lexicon({word: [phones.split() for phones in ways] for word, ways in _PRONUNCIATIONS.items()})
