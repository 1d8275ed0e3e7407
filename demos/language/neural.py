"""Trains one neural language model: ``python -m demos.language train TEXT --kind lstm``."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

import numpy as np

import minidl as dl
from demos.common import FIGURES, check_outputs, positive, positive_float, run_options, say, write_json
from minidl import language, optim
from minidl.errors import ArgumentError
from minidl.language import corpora, files
from minidl.language.neural import NeuralModel, make_network, network, train, updates_per_epoch
from minidl.optim.schedules import OneCycle

from .common import TEXT, read_text, splitting_options, unit_interval, vocabulary_of, vocabulary_options

SIZES = ("embedding_size", "hidden", "context", "layers", "heads", "dropout")  # of a body; each kind takes some

CONFIG = ("text", "min_count", "seed", "lr", "epochs", "columns", "length")  # with the recipe, what a run depends on


def add_commands(commands: Any) -> None:
    """The command ``train``."""
    parents = [splitting_options(), vocabulary_options(), run_options("language-train")]
    c = commands.add_parser("train", parents=parents, help="train a neural model")
    c.add_argument("text", help=f"{TEXT}; without --valid, a tenth of a file is held out, and another kept to measure on")
    c.add_argument("--valid", metavar="TEXT", help="held-out text to measure on; all of the other is learned from")
    c.add_argument("--kind", choices=network.KINDS, default="lstm", help="what reads the words (default: lstm)")
    c.add_argument("--output", default="full", help="output layer: full, class, huffman, balanced, sampled, importance, "
                   "nce, ranking, joint, short-list (default: full)")  # fmt: skip
    c.add_argument("--samples", type=positive, metavar="N", help="drawn words a batch, for output layers that draw")
    c.add_argument("--short", type=positive, metavar="N", help="most frequent words, for a short list (--output short-list)")
    c.add_argument("--tail", type=Path, metavar="MODEL", help="n-gram model of the words outside a short list")
    c.add_argument("--embedding", type=positive, dest="embedding_size", metavar="N", help="numbers in a word's vector")
    c.add_argument("--hidden", type=positive, metavar="N", help="hidden units")
    c.add_argument("--layers", type=positive, metavar="N", help="layers of a recurrent network or decoder")
    c.add_argument("--heads", type=positive, metavar="N", help="attention heads of a decoder")
    c.add_argument("--context", type=positive, metavar="N", help="words that a feed-forward network looks at")
    c.add_argument("--direct", action="store_true", help="direct connections in a feed-forward network")
    c.add_argument("--dropout", type=unit_interval, metavar="P", help="share of hidden values dropped in training")
    c.add_argument("--tied", action="store_true", help="the words' vectors are the output layer's weights too")
    c.add_argument("--epochs", type=positive, default=8, metavar="N", help="passes over the text (default: 8)")
    c.add_argument(
        "--lr", type=positive_float, default=2e-3, metavar="X", help="peak learning rate of Adam (default: 0.002)"
    )
    c.add_argument("--columns", type=positive, default=20, metavar="N", help="places in the text read at once (default: 20)")
    c.add_argument("--length", type=positive, default=35, metavar="N", help="words a gradient goes back (default: 35)")
    c.add_argument("--clip", type=positive_float, default=1.0, metavar="X", help="largest norm of a gradient (default: 1)")
    c.set_defaults(run_command=train_one)


def train_one(args: argparse.Namespace) -> None:
    """Train, measure on the part never looked at, and write the model."""
    dl.use_device(args.device)
    dl.seed(args.seed)
    check_outputs(args.run, args.json)
    corpus = corpus_of(args)
    vocabulary = vocabulary_of(args, corpus.train)
    text, held_out = (vocabulary.encode_sentences(part) for part in (corpus.train, corpus.valid))
    counts = np.bincount(text, minlength=len(vocabulary))
    recipe = recipe_of(args)
    net = make_network(counts=counts, rng=args.seed, **recipe)
    model = NeuralModel(net, vocabulary)
    say(f"{args.text}: {sum(map(len, corpus.train)):,} words to learn from, {len(vocabulary):,} different ones; "
        f"{model.n_parameters:,} parameters, on {args.device}")  # fmt: skip
    optimizer = optim.Adam(net.parameters(), lr=args.lr)
    updates = args.epochs * updates_per_epoch(text, args.columns, args.length)
    config = net.recipe | {name: getattr(args, name) for name in CONFIG}
    history = train(
        net, text, optimizer, validation=held_out, columns=args.columns, length=args.length, clip_norm=args.clip,
        epochs=args.epochs, schedule=OneCycle(optimizer, max(1, updates), rise=0.2), run_dir=args.run,
        resume=args.resume, checkpoint_every=500, config=config,
    )  # fmt: skip
    about = {
        "text": args.text,
        "splitting": args.splitting or corpora.usual_splitting(args.text),
        "seconds": history.last["seconds"],
    }
    files.save_neural(model, args.run / files.MODEL, counts, about, args.tail)
    found = language.perplexity(model, corpus.test)
    print(f"perplexity {found.including_unknown:.2f} on the held-out test part "
          f"({found.excluding_unknown:.2f} without unknown words), {history.last['seconds']:.1f} s of training")  # fmt: skip
    print(f"model: {args.run / files.MODEL}")
    figures = {
        "test": vars(found), "validation": math.exp(history.last["val_loss"]), "parameters": model.n_parameters,
        "trained_by": net.output.surrogate or "negative log-likelihood", "seconds": history.last["seconds"],
    }  # fmt: skip
    for file in (args.run / FIGURES, args.json):
        write_json(file, figures)


def corpus_of(args: argparse.Namespace) -> corpora.Corpus:
    """What to learn from, to choose by and to measure on."""
    if args.valid is None:
        return corpora.load(args.text, args.splitting)
    valid = list(read_text(args.valid, "valid", args.splitting))
    return corpora.Corpus(args.text, list(read_text(args.text, "train", args.splitting)), valid, valid)


def recipe_of(args: argparse.Namespace) -> dict[str, Any]:
    """What :func:`make_network` is told."""
    recipe = {"kind": args.kind, "output": args.output, "tied": args.tied}
    recipe |= {name: getattr(args, name) for name in SIZES if getattr(args, name) is not None}
    if args.direct:
        recipe["direct"] = True
    if args.kind == "decoder":
        recipe["length"] = args.length
        if "embedding_size" in recipe:
            raise ArgumentError("--embedding: a decoder's vectors have one size throughout, --hidden")
    options = {
        "n_samples": args.samples,
        "n_short": args.short,
        "tail": None if args.tail is None else files.load(args.tail),
    }
    recipe["output_options"] = {name: value for name, value in options.items() if value is not None}
    return recipe
