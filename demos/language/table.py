"""All models on one text: n-grams, networks, and both together, in one table, with a report."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import minidl as dl
from demos.common import FIGURES, Parser, check_outputs, run_options, say, write_json
from minidl.errors import ArgumentError
from minidl.language import corpora
from minidl.language.vocabulary import START_ID, UNKNOWN_ID

from . import entries, pictures
from .common import splitting_options
from .measured import HEADER, Table
from .settings import Settings, settings_for


def parser() -> argparse.ArgumentParser:
    """Options of the table."""
    p = Parser(
        prog="python -m demos.language", description="n-gram models, neural models and both together on one text.",
        parents=[splitting_options(), run_options("language")],
        epilog="Commands: train-ngram, train, perplexity, mix, generate, neighbours, arpa-check; each has its --help.",
    )  # fmt: skip
    p.add_argument(
        "--data", default="topics", metavar="NAME|FILE",
        help=f"a text file, a sentence a line, or one of {', '.join(corpora.NAMES)} (default: topics, Python's help)",
    )  # fmt: skip
    p.add_argument("--only", nargs="+", metavar="NETWORK", help="train these networks only (default: all of the settings)")
    p.add_argument("--add", type=Path, nargs="+", default=[], metavar="RUN", help="add models that `train` made")
    return p


def run(args: argparse.Namespace) -> None:
    """Train, measure, mix; print the table, and leave models, figures and report in the run directory."""
    start = time.perf_counter()
    dl.use_device(args.device)
    dl.seed(args.seed)
    check_outputs(args.run, args.json)
    corpus = corpora.load(args.data, args.splitting)
    settings = settings_for(args.data, sum(map(len, corpus.train)))
    networks = chosen(settings, args.only)
    table = Table(corpus, settings)
    say(f"{args.data}: {sum(map(len, corpus.train)):,} words to learn from, {len(table.vocabulary):,} different ones")
    print(HEADER)
    entries.add_ngrams(table)
    for name in networks:
        entries.add_network(table, name, settings.networks[name], args)
    for path in args.add:
        entries.add_saved(table, path)
    entries.add_mixtures(table)
    by_order = entries.perplexity_by_order(table)
    by_size = entries.perplexity_by_size(table, [n for n in settings.networks_by_size if n in networks], args)
    seconds = time.perf_counter() - start
    for file in (args.run / FIGURES, args.json):
        write_json(file, figures_of(table, by_order, by_size) | {"data": args.data, "seed": args.seed, "seconds": seconds})
    page = pictures.make_report(table, by_order, by_size, args.seed)
    print(f"{seconds:.0f} s; report: {page.write(args.run / 'report.html')}")


def chosen(settings: Settings, only: list[str] | None) -> list[str]:
    """Names of the networks to train."""
    unknown = [name for name in only or () if name not in settings.networks]
    if unknown:
        raise ArgumentError(f"--only: {unknown[0]!r} is none of {', '.join(settings.networks)}")
    return list(settings.networks) if only is None else only


def figures_of(table: Table, by_order: Any, by_size: Any) -> dict[str, Any]:
    """What goes into the JSON file."""
    results = table.results
    return {
        "perplexity": {r.name: r.including_unknown for r in results},
        "perplexity_excluding_unknown": {r.name: r.excluding_unknown for r in results},
        "parameters": {r.name: r.parameters for r in results},
        "training_seconds": {r.name: r.seconds for r in results},
        "words_per_second": {r.name: r.words_per_second for r in results},
        "surrogate": {r.name: r.surrogate for r in results if r.surrogate},
        "mixture_weights": table.weights,
        "perplexity_by_order": {name: dict(zip(*xy, strict=True)) for name, xy in by_order.items()},
        "perplexity_by_training_words": {name: dict(zip(*xy, strict=True)) for name, xy in by_size.items()},
        "tokens": int((table.test != START_ID).sum()),
        "unknown": int((table.test == UNKNOWN_ID).sum()),
    }
