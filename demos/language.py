"""n-gram language models: trained on a text of one's own, measured on another, checked.

    python -m demos.language train-ngram TEXT --order 5 --out MODEL.arpa.gz
    python -m demos.language perplexity MODEL.arpa.gz TEXT
    python -m demos.language arpa-check MODEL.arpa.gz
"""

from __future__ import annotations

import argparse
import gzip
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from demos.common import Parser, positive, run_main, whole, write_json
from minidl import language
from minidl.errors import ArgumentError
from minidl.language.ngram.kneser_ney import FALLBACK
from minidl.train.files import replacing


def main(arguments: Sequence[str]) -> None:
    """Do what the first argument says."""
    args = parser().parse_args(arguments)
    args.run(args)


def parser() -> argparse.ArgumentParser:
    """All commands with their options."""
    p = Parser(prog="python -m demos.language", description="n-gram language models: train, measure, check.")
    commands = p.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=Parser)
    text = argparse.ArgumentParser(add_help=False)
    text.add_argument("--characters", action="store_true", help="the text's characters are its words")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", metavar="FILE", type=Path, help="write the figures to FILE")
    common.add_argument("--debug", action="store_true", help="show the traceback of an error")

    c = commands.add_parser("train-ngram", parents=[text, common], help="estimate a model")
    c.add_argument("text", type=Path, help="a sentence a line, UTF-8, plain or gzipped")
    c.add_argument("--order", type=positive, default=3, metavar="N", help="words of the longest n-grams (default: 3)")
    c.add_argument("--out", type=Path, required=True, metavar="MODEL", help="an ARPA file; gzipped, if its name ends in .gz")
    c.add_argument(
        "--smoothing", choices=["kneser-ney", "witten-bell", "absolute"], default="kneser-ney",
        help="what unseen n-grams get (default: modified Kneser-Ney)",
    )  # fmt: skip
    c.add_argument(
        "--prune", type=whole, nargs="+", default=[], metavar="N", help="by order: leave out what occurs at most N times"
    )
    c.add_argument("--min-count", type=positive, default=1, metavar="N", help="rarer words are unknown (default: 1)")
    c.add_argument("--max-words", type=positive, metavar="N", help="keep the most frequent words (default: all)")
    c.add_argument("--sri-unigrams", action="store_true", help="give the unknown word all that single words give up")
    c.add_argument(
        "--discount-fallback", action="store_true",
        help=f"take discounts of {', '.join(map(str, FALLBACK))} where the text is too small to estimate them",
    )  # fmt: skip
    c.set_defaults(run=train_ngram)

    c = commands.add_parser("perplexity", parents=[text, common], help="measure a model on a text")
    c.add_argument("model", type=Path, help="an ARPA file")
    c.add_argument("text", type=Path, help="a sentence a line")
    c.set_defaults(run=measure)

    c = commands.add_parser("arpa-check", parents=[common], help="read an ARPA file and name its first fault")
    c.add_argument("model", type=Path, help="an ARPA file")
    c.set_defaults(run=check)
    return p


def train_ngram(args: argparse.Namespace) -> None:
    """Count, estimate, write."""
    start = time.perf_counter()

    def sentences() -> Iterator[list[str]]:
        return language.read_sentences(args.text, args.characters)

    vocabulary = language.Vocabulary.from_sentences(sentences(), args.min_count, args.max_words)
    ids = vocabulary.encode_sentences(sentences())
    n_words = ids.size - 2 * int((ids == 1).sum())
    _say(f"{args.text}: {n_words:,} words, {len(vocabulary) - 3:,} different ones in the vocabulary")
    counts = language.count(ids, len(vocabulary), args.order)
    model = smoothed(args, counts, vocabulary)
    estimated = time.perf_counter()
    with replacing(args.out) as f:
        if args.out.suffix == ".gz":
            with gzip.GzipFile(fileobj=f, mode="wb", filename="", mtime=0, compresslevel=6) as packed:
                language.write_arpa(model, packed)
        else:
            language.write_arpa(model, f)
    sizes = [len(table) for table in model.tables]
    seconds = {"estimate": estimated - start, "write": time.perf_counter() - estimated}
    print(f"{args.out}: {' / '.join(f'{n:,}' for n in sizes)} n-grams")
    print(f"read and estimated in {seconds['estimate']:.1f} s, written in {seconds['write']:.1f} s")
    write_json(args.json, {"ngrams": sizes, "seconds": seconds})


def smoothed(args: argparse.Namespace, counts: language.Counts, vocabulary: language.Vocabulary) -> language.BackoffModel:
    """The model that the options name."""
    if args.smoothing == "kneser-ney":
        fallback = FALLBACK if args.discount_fallback else None
        return language.kneser_ney(
            counts, vocabulary, prune=args.prune, interpolate_unigrams=not args.sri_unigrams, fallback=fallback
        )
    if args.sri_unigrams or args.discount_fallback:
        raise ArgumentError("--sri-unigrams and --discount-fallback are of --smoothing kneser-ney")
    how = language.witten_bell if args.smoothing == "witten-bell" else language.absolute
    return how(counts, vocabulary, prune=args.prune)


def measure(args: argparse.Namespace) -> None:
    """Perplexity with and without unknown words."""
    model = language.read_arpa(args.model)
    found = language.perplexity(model, language.read_sentences(args.text, args.characters))
    print(f"perplexity including unknown words: {found.including_unknown:.4f}")
    print(f"perplexity excluding unknown words: {found.excluding_unknown:.4f}")
    rate = found.unknown / found.tokens
    print(f"tokens: {found.tokens:,} (words and sentence ends), unknown: {found.unknown:,} ({rate:.2%})")
    write_json(args.json, asdict(found))


def check(args: argparse.Namespace) -> None:
    """Read all of a file."""
    model = language.read_arpa(args.model)
    sizes = [len(table) for table in model.tables]
    print(f"{args.model}: well formed; {' / '.join(f'{n:,}' for n in sizes)} n-grams")
    write_json(args.json, {"ngrams": sizes})


def _say(text: str) -> None:
    print(text, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(run_main(main))
