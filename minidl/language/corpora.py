"""Texts to learn from, by name or from a file, each in three parts: to learn, to choose settings by, to measure on."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..data.fetch import contents, folders
from ..errors import DataError
from .sources import SOURCES
from .text import Splitting, read_sentences, split

Sentences = list[list[str]]
NAMES = ("topics", *SOURCES)
_BLOCKS = 50  # of a text that has no parts of its own


@dataclass(frozen=True)
class Corpus:
    """A text in three parts, each a list of sentences.

    Attributes
    ----------
    name : str
    train, valid, test : list of lists of str
    """

    name: str
    train: Sentences
    valid: Sentences
    test: Sentences


def load(name: str, splitting: Splitting | None = None) -> Corpus:
    """A text by its name, or any file of sentences.

    Parameters
    ----------
    name : str
        ``"topics"`` (the help texts that every Python carries), ``"wikitext-2"``, ``"tinyshakespeare"``, ``"multi30k-en"``,
        ``"multi30k-de"``, or a path: plain or gzipped UTF-8, a sentence a line.
    splitting : {"words", "tokens", "characters"}, optional
        What a sentence is made of: what stands between spaces, or words and marks in lower case, or characters. By
        default "words" for files of one's own and for texts whose words and marks stand apart already.

    Raises
    ------
    DataError
        No such text; unreadable; or too short to be cut into three parts.
    """
    splitting = splitting or usual_splitting(name)
    if name == "topics":
        return _cut(name, [split(line, splitting) for line in topics()])
    if name not in SOURCES:
        if not Path(name).is_file():
            raise DataError(f"no text called {name!r}: give the path of a text file, or one of {', '.join(NAMES)}")
        return _cut(name, list(read_sentences(name, splitting, keep_empty=False)))
    source = SOURCES[name]
    parts = []
    for file in source.files:
        _, path = contents(file, folders(source.folder))
        parts.append(list(read_sentences(path, splitting, source.keep_empty)))
    return Corpus(name, *parts) if len(parts) == 3 else _cut(name, parts[0])


def usual_splitting(name: str) -> Splitting:
    """How a text is split into words unless a user says otherwise."""
    if name == "topics" or (name in SOURCES and not SOURCES[name].tokenized):
        return "tokens"
    return "words"


def _cut(name: str, sentences: Sentences) -> Corpus:
    """Of each ten blocks of the text, eight to learn, one to choose by, one to measure on: all parts of it are in each."""
    n = len(sentences)
    if n < _BLOCKS:
        raise DataError(
            f"{name}: {n} sentences are too few to learn from, to choose by and to measure on; give {_BLOCKS} or more"
        )
    blocks = [sentences[n * i // _BLOCKS : n * (i + 1) // _BLOCKS] for i in range(_BLOCKS)]

    def joined(digits: Sequence[int]) -> Sentences:
        return list(itertools.chain.from_iterable(b for i, b in enumerate(blocks) if i % 10 in digits))

    return Corpus(name, joined(range(8)), joined([8]), joined([9]))


# -- the text that every Python carries --------------------------------------------------------------------


def topics() -> Iterator[str]:
    """The sentences of Python's help texts, ``pydoc_data.topics``, a line each; of examples and grammar, the lines.

    Some pages stand within others too; a paragraph that was there before is left out, so that no model is measured on
    what it has learned by heart.
    """
    from pydoc_data.topics import topics as pages

    paragraphs = [p for name in sorted(pages) for p in re.split(r"\n\s*\n", pages[name])]
    for paragraph in dict.fromkeys(paragraphs):
        lines = [line for line in paragraph.split("\n") if re.search(r"\w", line)]  # no underlines
        if lines and not lines[0].startswith("  "):
            yield from re.split(r"(?<=[.!?:])\s+(?=[A-Z\"*])", " ".join(line.strip() for line in lines))
        else:
            yield from (line.strip() for line in lines)
