"""Reads and writes lexicons as text: a word and its phones on each line, as in CMU Sphinx and in Kaldi."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from itertools import count
from typing import BinaryIO

from ...errors import ArgumentError, DataError
from .model import SILENCE, Lexicon, Pronunciation

_FIELD = re.compile(r"[^ \t\r\n\v\f]+")  # other spaces of Unicode may be part of a name
_ALTERNATIVE = re.compile(r"(.+)\([0-9]+\)", re.DOTALL)
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_COMMENT = ";;;"
_REMARK = "#"
_MARK = b"\xef\xbb\xbf"  # with which some editors begin a UTF-8 file
_LONGEST = 1 << 20  # bytes of a line
_LEAST = 1e-300  # of probabilities that are written: less may be read back as 0


def read_lexicon(
    path: str | os.PathLike[str],
    *,
    silence: str = SILENCE,
    silence_prob: float = 0.5,
    probabilities: bool | None = None,
) -> Lexicon:
    """Read ``WORD PHONE PHONE ...``, UTF-8, with a probability between word and phones or without.

    A word's further pronunciations are ``WORD(2) ...`` (Sphinx, the CMU dictionary) or the word again (Kaldi). Lines that
    begin with ``;;;`` are skipped, and what follows a lone ``#``. A pronunciation that comes again counts once, with the
    higher probability. A word that is only silence, as Kaldi's ``!SIL SIL``, is left out: recognisers put silence where
    it may be.

    Parameters
    ----------
    path : path
    silence, silence_prob
        As in :class:`Lexicon`.
    probabilities : bool, optional
        Whether the second column is one, as in Kaldi's ``lexiconp.txt``. If not said: whether it is a number in the first
        entry, and then all must be alike.

    Raises
    ------
    DataError
        With file and line: no such file, not UTF-8 (and at which byte), a line longer than a megabyte, a word without
        phones or with silence among them, no probability in (0, 1]; a file without words.
    """
    guess = probabilities is None
    entries = dict[str, list[Pronunciation]]()
    names = dict[str, str]()  # so that a phone is one object, however many words have it
    for line, (word, *phones) in _rows(path):
        numbered = bool(phones) and _NUMBER.fullmatch(phones[0]) is not None
        if probabilities is None:
            probabilities = numbered
        elif guess and numbered != probabilities:
            has = "has a number after the word and the lines before have none" if numbered else "has no probability"
            raise DataError(f"{path}, line {line}: {word!r} {has}; say in `probabilities` which it is")
        log_prob = _log_prob(phones.pop(0), word, path, line) if probabilities and phones else 0.0
        if not phones:
            raise DataError(f"{path}, line {line}: the word {word!r} has no phones")
        if phones == [silence]:
            continue
        if silence in phones:
            raise DataError(f"{path}, line {line}: {word!r} contains {silence!r}, which is the phone of silence")
        own = tuple(names.setdefault(phone, phone) for phone in phones)
        entries.setdefault(_spelling(word), []).append(Pronunciation(own, log_prob))
    if not entries:
        raise DataError(f"{path}: no words in it; a line is a word and its phones")
    return Lexicon(entries, silence, silence_prob)


def write_lexicon(lexicon: Lexicon, file: BinaryIO) -> None:
    """Write words, probabilities and phones as Kaldi's ``lexiconp.txt``, to an open file.

    Parameters
    ----------
    lexicon : Lexicon
    file : binary file
        Of the caller, who sees to it that a broken one is not left behind.

    Raises
    ------
    ArgumentError
        A word that the format takes for something else, such as ``a(2)`` or ``;;;``; a phone ``#``.
    """
    for word in lexicon.words:
        for way in lexicon.pronunciations(word):
            if _spelling(word) != word or word.startswith(_COMMENT) or _REMARK in way.phones:
                raise ArgumentError(
                    f"lexicon: the format has another meaning for a name in {word!r} {way.phones}; rename it"
                )
            file.write(f"{word} {max(math.exp(way.log_prob), _LEAST)!r} {' '.join(way.phones)}\n".encode())


def _rows(path: str | os.PathLike[str]) -> Iterator[tuple[int, list[str]]]:
    """Number and fields of each line that has any, without remarks."""
    offset = 0
    try:
        with open(path, "rb") as file:
            for number in count(1):
                line = file.readline(_LONGEST + 1)
                if len(line) > _LONGEST:
                    raise DataError(f"{path}, line {number}: longer than a megabyte; this is no lexicon")
                if not line:
                    return
                fields = _FIELD.findall(line.removeprefix(_MARK if number == 1 else b"").decode())
                if fields and not fields[0].startswith(_COMMENT):
                    yield number, fields[: fields.index(_REMARK, 1)] if _REMARK in fields[1:] else fields
                offset += len(line)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}, line {number}: not UTF-8 at byte {offset + error.start}") from error


def _spelling(word: str) -> str:
    """The word without the number of its alternative."""
    alternative = _ALTERNATIVE.fullmatch(word)
    return alternative[1] if alternative else word


def _log_prob(text: str, word: str, path: str | os.PathLike[str], line: int) -> float:
    probability = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not 0 < probability <= 1:
        raise DataError(f"{path}, line {line}: the probability of {word!r} must be in (0, 1], got {text[:40]!r}")
    return math.log(probability)
