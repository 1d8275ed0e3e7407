"""What the commands share: options, and texts by name or from files."""

from __future__ import annotations

import argparse
import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from demos.common import Parser, positive, say
from minidl import language
from minidl.errors import DataError
from minidl.language import corpora, files
from minidl.language.text import Splitting
from minidl.language.vocabulary import END_ID, START_ID, UNKNOWN_ID

TEXT = f"a file, a sentence a line, plain or gzipped; or one of {', '.join(corpora.NAMES)}"
Part = Literal["train", "valid", "test"]


@functools.cache
def say_once(text: str) -> None:
    """The same, but never again."""
    say(text)


def output_options() -> argparse.ArgumentParser:
    """A parent parser with the options of every command that prints figures."""
    p = Parser(add_help=False)
    p.add_argument("--json", metavar="FILE", type=Path, help="write the figures to FILE")
    p.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return p


def splitting_options() -> argparse.ArgumentParser:
    """A parent parser that says what a sentence is made of."""
    p = Parser(add_help=False)
    p.add_argument(
        "--splitting", choices=get_args(Splitting),
        help="what a sentence is made of: words between spaces, or words and marks in lower case (tokens), or characters "
        "(default: words; for a text by name, what suits it)",
    )  # fmt: skip
    return p


def vocabulary_options() -> argparse.ArgumentParser:
    """A parent parser that says which words a model knows."""
    p = Parser(add_help=False)
    p.add_argument("--min-count", type=positive, default=1, metavar="N", help="rarer words are unknown (default: 1)")
    p.add_argument("--max-words", type=positive, metavar="N", help="keep the most frequent words (default: all)")
    p.add_argument(
        "--vocabulary", type=Path, metavar="MODEL", help="take that of another model: only such models can be mixed"
    )
    return p


def vocabulary_of(args: argparse.Namespace, sentences: Any) -> language.Vocabulary:
    """The vocabulary that the options name."""
    if args.vocabulary is not None:
        return files.load(args.vocabulary).vocabulary
    return language.Vocabulary.from_sentences(sentences, args.min_count, args.max_words)


def read_text(name: str, part: Part, splitting: Splitting | None) -> Iterable[list[str]]:
    """The sentences of a whole file, read anew each time, or of one part of a text by name."""
    if name in corpora.NAMES:
        return getattr(corpora.load(name, splitting), part)
    return _File(name, splitting or "words")


@dataclass(frozen=True)
class _File:
    """The sentences of a file, which may be larger than memory."""

    path: str
    splitting: Splitting

    def __iter__(self) -> Iterator[list[str]]:
        return language.read_sentences(self.path, self.splitting)


def encode_known(vocabulary: language.Vocabulary, sentences: Iterable[list[str]], name: str) -> np.ndarray:
    """A text's numbers, (n,) int; warns if most of its words are unknown.

    Raises
    ------
    DataError
        It is empty, or all of its words are unknown.
    """
    ids = vocabulary.encode_sentences(sentences)
    words = int(((ids != START_ID) & (ids != END_ID)).sum())
    unknown = int((ids == UNKNOWN_ID).sum())
    if not ids.size:
        raise DataError(f"{name}: the text is empty")
    if words and unknown == words:
        raise DataError(f"{name}: none of its {words:,} words is known to the model; is --splitting that of its training?")
    if 2 * unknown > words:
        say(f"warning: {unknown:,} of the {words:,} words of {name} are unknown; is --splitting that of the training?")
    return ids


def unit_interval(text: str) -> float:
    """A number from 0 to 1, 1 excluded."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"expected a number in [0, 1), got {text!r}")
    return value
