"""Trains recognisers on the user's own folder, for `decode` and `align`, whether there is anything to measure on or not."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import minidl as dl
from demos.common import FIGURES, check_outputs, positive, run_options, say, whole, write_json
from minidl.errors import ArgumentError
from minidl.parallel import comm
from minidl.speech import corpora
from minidl.speech.corpora import Corpus

from .measure import HEADER, Rung, chosen_weights, measure
from .models import ALIGNER, STAGES, path_of
from .recognisers import Weights, save_setup
from .stages import Stage, load, make
from .task import Task


def add_commands(commands: Any) -> None:
    """The command ``train``."""
    c = commands.add_parser(
        "train", parents=[run_options("own-speech")], help="on your own recordings",
        description="Trains one recogniser after the other, each with the alignments of the one before.",
    )  # fmt: skip
    c.add_argument("folder", type=Path, help="as Kaldi's, with wav.scp, text and lexicon.txt; see docs/speech.md")
    c.add_argument("--until", choices=STAGES, default="dnn", help="end here (default: dnn)")
    c.add_argument("--network", metavar="KIND", help="of the dnn stages: relu, sigmoid, maxout, conv or lstm")
    c.add_argument("--all", action="store_true", help="train on everything: hold nothing out to choose and measure by")
    c.add_argument("--channel", type=whole, metavar="N", help="of recordings with several, counted from 0")
    c.add_argument("--rate", type=positive, metavar="HZ", help="resample to this (default: that of the first recording)")
    c.set_defaults(run_command=train)


def train(args: argparse.Namespace) -> None:
    """Models into the run's directory, and a line for each that could be measured."""
    if comm.world().size > 1:
        raise ArgumentError("train: one process is enough; several can climb the ladder (python -m demos.speech)")
    dl.use_device(args.device)
    dl.seed(args.seed)
    corpus = _corpus(args)
    check_outputs(args.run, args.json)
    for line in corpora.describe(corpus):
        say(line)
    task = Task(corpus, args.run, args.seed, network=args.network)
    tested = bool(task.features("mfcc", "test"))
    print(HEADER if tested else "no utterances are held out: there is no word error rate", flush=True)
    stage, found = None, list[Rung | Weights]()
    for name in STAGES[: STAGES.index(args.until) + 1]:
        stage = load(task, name) if args.resume and path_of(task.run, name).is_file() else make(task, name, stage)
        if name != ALIGNER:
            found.append(measure(task, stage) if tested else Weights(name, *chosen_weights(task, stage)))
            print(_line(found[-1], stage), flush=True)
            save_setup(task, found)  # now, so that what is there can be used if a later one fails
    task.report_set_aside()
    rungs = {rung.name: rung.figures() for rung in found if isinstance(rung, Rung)}
    rates = {corpus.name: {rung.name: rung.rate for rung in found}}
    for file in (args.run / FIGURES, args.json):
        write_json(file, {"wer": rates, "rungs": rungs, "set_aside": task.set_aside})
    say(f"python -m demos.speech decode {args.run} FILE ... recognises recordings")


def _corpus(args: argparse.Namespace) -> Corpus:
    options = {name: value for name in ("channel", "rate") if (value := getattr(args, name)) is not None}
    corpus = corpora.load(Path(args.folder).resolve() if args.folder.is_dir() else args.folder, **options)
    if not args.all:
        return corpus
    return replace(corpus, train=(*corpus.train, *corpus.dev, *corpus.test), dev=(), test=())


def _line(found: Rung | Weights, stage: Stage) -> str:
    return found.line() if isinstance(found, Rung) else f"{found.name:<16} trained in {stage.seconds:.1f} s"
