"""Estimates n-gram models, and checks ARPA files."""

from __future__ import annotations

import argparse
import gzip
import time
from pathlib import Path
from typing import Any

from demos.common import positive, positive_float, say, whole, write_json
from minidl import language
from minidl.errors import ArgumentError
from minidl.language import files
from minidl.language.binary import write_binary
from minidl.language.ngram.entropy import entropy_prune
from minidl.train.files import replacing

from .common import TEXT, output_options, read_text, splitting_options, vocabulary_of, vocabulary_options
from .smoothings import FALLBACKS, SMOOTHINGS

OUT = "an ARPA file, gzipped if its name ends in .gz; or the binary form, which opens at once, if it ends in .bin"


def add_commands(commands: Any) -> None:
    """The commands ``train-ngram`` and ``arpa-check``."""
    c = commands.add_parser(
        "train-ngram", parents=[splitting_options(), vocabulary_options(), output_options()], help="estimate a model"
    )
    c.add_argument("text", help=f"{TEXT} (its training part)")
    c.add_argument("--order", type=positive, default=3, metavar="N", help="words of the longest n-grams (default: 3)")
    c.add_argument("--out", type=Path, required=True, metavar="MODEL", help=OUT)
    c.add_argument(
        "--smoothing", choices=SMOOTHINGS, default="kneser-ney",
        help="what unseen n-grams get (default: modified Kneser-Ney)",
    )  # fmt: skip
    c.add_argument(
        "--prune", type=whole, nargs="+", default=[], metavar="N", help="by order: leave out what occurs at most N times"
    )
    c.add_argument(
        "--entropy", type=positive_float, metavar="X", help="leave out what raises the perplexity by less than this share"
    )
    c.add_argument("--sri-unigrams", action="store_true", help="give the unknown word all that single words give up")
    c.add_argument(
        "--discount-fallback", action="store_true",
        help=f"take fixed discounts where the text is too small to estimate them ({FALLBACKS})",
    )  # fmt: skip
    c.set_defaults(run_command=train_ngram)

    c = commands.add_parser("arpa-check", parents=[output_options()], help="read an ARPA file and name its first fault")
    c.add_argument("model", type=Path, help="an ARPA file")
    c.set_defaults(run_command=check)

    c = commands.add_parser("convert", parents=[output_options()], help="from ARPA to the binary form, or back")
    c.add_argument("model", type=Path, help="an n-gram model")
    c.add_argument("--out", type=Path, required=True, metavar="MODEL", help=OUT)
    c.set_defaults(run_command=convert)


def train_ngram(args: argparse.Namespace) -> None:
    """Count, estimate, write."""
    start = time.perf_counter()
    sentences = read_text(args.text, "train", args.splitting)
    vocabulary = vocabulary_of(args, sentences)
    ids = vocabulary.encode_sentences(sentences)
    n_words = ids.size - 2 * int((ids == 1).sum())
    say(f"{args.text}: {n_words:,} words, {len(vocabulary) - 3:,} different ones in the vocabulary")
    counts = language.count(ids, len(vocabulary), args.order)
    model = smoothed(args, counts, vocabulary)
    estimated = time.perf_counter()
    write(model, args.out)
    sizes = [len(table) for table in model.tables]
    seconds = {"estimate": estimated - start, "write": time.perf_counter() - estimated}
    print(f"{args.out}: {' / '.join(f'{n:,}' for n in sizes)} n-grams")
    print(f"read and estimated in {seconds['estimate']:.1f} s, written in {seconds['write']:.1f} s")
    write_json(args.json, {"ngrams": sizes, "seconds": seconds})


def smoothed(args: argparse.Namespace, counts: language.Counts, vocabulary: language.Vocabulary) -> language.BackoffModel:
    """The model that the options name."""
    options: dict[str, Any] = {"prune": args.prune}
    if args.sri_unigrams:
        if args.smoothing != "kneser-ney":
            raise ArgumentError("--sri-unigrams is of --smoothing kneser-ney")
        options["interpolate_unigrams"] = False
    if args.discount_fallback:
        if args.smoothing not in FALLBACKS:
            raise ArgumentError(f"--discount-fallback: {args.smoothing} estimates no discounts")
        options |= FALLBACKS[args.smoothing]
    model = SMOOTHINGS[args.smoothing](counts, vocabulary, **options)
    return model if args.entropy is None else entropy_prune(model, args.entropy)


def write(model: language.BackoffModel, path: Path) -> None:
    """Write a model in the form that the file's name says."""
    if path.suffix == ".bin":
        write_binary(model, path)
        return
    with replacing(path) as f:
        if path.suffix == ".gz":
            with gzip.GzipFile(fileobj=f, mode="wb", filename="", mtime=0, compresslevel=6) as packed:
                language.write_arpa(model, packed)
        else:
            language.write_arpa(model, f)


def convert(args: argparse.Namespace) -> None:
    """Read a model in one form, write it in another."""
    model = files.load(args.model)
    if not isinstance(model, language.BackoffModel):
        raise ArgumentError(f"convert: {args.model} is no n-gram model")
    write(model, args.out)
    print(f"{args.out}: {model!r}")


def check(args: argparse.Namespace) -> None:
    """Read all of a file."""
    model = language.read_arpa(args.model)
    sizes = [len(table) for table in model.tables]
    print(f"{args.model}: well formed; {' / '.join(f'{n:,}' for n in sizes)} n-grams")
    write_json(args.json, {"ngrams": sizes})
