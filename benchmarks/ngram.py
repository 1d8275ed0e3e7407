"""A modified Kneser-Ney 5-gram: ``python -m benchmarks.ngram TEXT TEST [--order N] [--rounds N]``.

Seconds from the text to the model, to its ARPA and binary files and back, bytes an n-gram at the peak, perplexity, whole
distributions, and, where ``pip install kenlm`` was possible, the scoring of a test text beside a loop over
``kenlm.Model.score``, in turns.
"""

from __future__ import annotations

import argparse
import importlib.util
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from minidl import language
from minidl.language.binary import read_binary, write_binary


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ngram", description=__doc__.splitlines()[0])
    parser.add_argument("text", type=Path, help="to estimate from")
    parser.add_argument("test", type=Path, help="to score")
    parser.add_argument("--order", type=int, default=5, help="of the longest n-grams (default: 5)")
    parser.add_argument("--rounds", type=int, default=5, help="of scoring (default: 5)")
    args = parser.parse_args()
    before = _peak()
    model, seconds = timed(lambda: make(args.text, args.order))
    n = sum(len(table) for table in model.tables)
    print(f"text to model: {seconds:.2f} s, {n:,} n-grams, {(_peak() - before) / n:.0f} bytes an n-gram at the peak")
    sentences = list(language.read_sentences(args.test))
    found = language.perplexity(model, sentences)
    print(f"test perplexity: {found.including_unknown:.4f} including, {found.excluding_unknown:.4f} excluding unknown words")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.arpa"
        with path.open("wb") as file:
            _, seconds = timed(lambda: language.write_arpa(model, file))
        print(f"ARPA written: {seconds:.2f} s, {n / seconds:,.0f} n-grams/s, {path.stat().st_size / 1e6:.0f} MB")
        _, seconds = timed(lambda: language.read_arpa(path))
        print(f"ARPA read: {seconds:.2f} s")
        _, seconds = timed(lambda: write_binary(model, path.with_suffix(".bin")))
        print(f"binary form written: {seconds:.2f} s", end="; ")
        _, seconds = timed(lambda: read_binary(path.with_suffix(".bin")))
        print(f"opened: {seconds:.3f} s")
        pieces = model.distributions(model.vocabulary.encode_sentences(sentences))
        piece, seconds = timed(lambda: next(pieces))
        print(f"distributions: {seconds / len(piece) * 1e6:.0f} us for one over {piece.shape[1]:,} words")
        score(model, path, sentences, args.rounds)


def make(text: Path, order: int) -> language.BackoffModel:
    """From a text to a model."""
    vocabulary = language.Vocabulary.from_sentences(language.read_sentences(text))
    ids = vocabulary.encode_sentences(language.read_sentences(text))
    return language.kneser_ney(language.count(ids, len(vocabulary), order), vocabulary)


def score(model: language.BackoffModel, path: Path, sentences: list[list[str]], rounds: int) -> None:
    """Both libraries in turns, each from words to one log probability for the whole text."""
    ways: dict[str, Callable[[], float]] = {
        "minidl, batched": lambda: float(model.score_tokens(model.vocabulary.encode_sentences(sentences)).sum())
    }
    if importlib.util.find_spec("kenlm"):
        import kenlm

        theirs, lines = kenlm.Model(str(path)), [" ".join(sentence) for sentence in sentences]
        ways["kenlm.Model.score, a loop"] = lambda: sum(theirs.score(line) for line in lines)
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            taken[name].append(timed(way)[1])
    tokens = sum(len(sentence) + 1 for sentence in sentences)
    for name, found in taken.items():
        print(f"{tokens:,} tokens scored, {name}: {median(found):.3f} s (best {min(found):.3f})")


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What it returns, and how long it took."""
    start = time.perf_counter()
    result = work()
    return result, time.perf_counter() - start


def _peak() -> int:
    """Bytes that this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    main()
