"""Aligns recordings to their known words: when each phone and word was said, for Kaldi and for Praat."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from demos.common import say, write_json
from minidl.errors import ArgumentError, DataError
from minidl.speech import corpora, files
from minidl.speech.archives import write_alignments
from minidl.speech.corpora import Utterance
from minidl.speech.phones import align, pdfs_of
from minidl.speech.segments import Segment, ctm, textgrid
from minidl.speech.times import phone_segments, word_segments
from minidl.train.files import replacing

from .recognisers import load_aligner
from .recordings import hear, recording_options, utterances_of
from .settings import corpus_options

_PARTS = ("train", "dev", "test")
_FORMATS = {"ctm": {"ctm"}, "textgrid": {"textgrid"}, "both": {"ctm", "textgrid"}}


def add_commands(commands: Any) -> None:
    """The command ``align``."""
    c = commands.add_parser("align", parents=[recording_options()], help="when the words of recordings were said")
    c.add_argument("run", type=Path, help="the directory of a training")
    c.add_argument("file", type=Path, nargs="?", metavar="FILE", help="a recording; needs --words")
    c.add_argument("--words", metavar="TEXT", help="what is said in FILE")
    c.add_argument("--data", metavar="NAME|FOLDER", help="a corpus or a folder instead, whose words are known")
    c.add_argument("--part", choices=_PARTS, help="of --data (default: all of it)")
    c.add_argument("--out", type=Path, metavar="DIR", help="write files; without it, the words' CTM is printed")
    c.add_argument("--format", choices=_FORMATS, default="both", help="of the files in --out (default: both)")
    c.add_argument("--ark", type=Path, metavar="FILE", help="write the tied state of each frame as a Kaldi archive")
    c.set_defaults(run_command=run)


@dataclass(frozen=True)
class Times:
    """When phones and words of one utterance were said, seconds of its recording, and the tied state of each frame."""

    phones: tuple[Segment, ...]
    words: tuple[Segment, ...]
    seconds: float
    states: np.ndarray


def run(args: argparse.Namespace) -> None:
    """Align what can be aligned, and name the rest; nothing is written before all is done."""
    aligner = load_aligner(args.run)
    utterances, set_aside = _chosen(args)
    times, failed = times_of(aligner, utterances)
    set_aside |= failed
    for why in set_aside.values() if times else ():
        say(f"set aside: {why}")
    if not times:
        why = next(iter(set_aside.values()), "there are none")
        raise DataError(why if args.file else f"{args.data}: no utterance could be aligned; the first: {why}")
    if args.out:
        _write_all(args.out, times, _FORMATS[args.format])
    else:
        print(ctm({name: own.words for name, own in times.items()}), end="")
    if args.ark:
        write_alignments(args.ark, {name: own.states for name, own in times.items()})
    say(f"{len(times)} utterances aligned, {len(set_aside)} set aside{f'; written to {args.out}' if args.out else ''}")
    spans = {n: {"phones": [asdict(s) for s in t.phones], "words": [asdict(s) for s in t.words]} for n, t in times.items()}
    write_json(args.json, {"utterances": spans, "set_aside": set_aside})


def times_of(aligner: files.Saved, utterances: Sequence[Utterance]) -> tuple[dict[str, Times], dict[str, str]]:
    """Of each utterance, and why others have none."""
    heard = hear(utterances, aligner.settings)
    words = {u.name: u.words for u in utterances}
    aligned = align(aligner.model, heard.features, words, aligner.lexicon)
    times = {
        name: Times(
            phone_segments(own, aligner.model.phones, aligner.settings), word_segments(own, words[name], aligner.settings),
            heard.seconds[name], pdfs_of(aligner.model, own),
        )
        for name, own in aligned.alignments.items()
    }  # fmt: skip
    return times, {**heard.set_aside, **{name: f"{name}: {why}" for name, why in aligned.set_aside.items()}}


def _chosen(args: argparse.Namespace) -> tuple[list[Utterance], dict[str, str]]:
    """What is to be aligned, and what the corpus has set aside."""
    if (args.file is None) == (args.data is None):
        raise ArgumentError("align: give either a FILE with its --words, or --data")
    if args.file is not None:
        words = (args.words or "").split()
        if not words or args.part:
            raise ArgumentError("align: --part is of --data" if words else "align: say in --words what is said in FILE")
        return utterances_of([args.file], args.channel, words), {}
    if args.words is not None:
        raise ArgumentError("align: --words is what is said in FILE; with --data the words are known")
    channel = {} if args.channel is None else {"channel": args.channel}
    corpus = corpora.load(args.data, **corpus_options(args.data), **channel)
    parts = (args.part,) if args.part else _PARTS
    set_aside = {name: f"{name}: {why}" for name, why in corpus.set_aside.items()}
    return [u for part in parts for u in getattr(corpus, part)], set_aside


def _write_all(folder: Path, times: dict[str, Times], formats: set[str]) -> None:
    texts = dict[str, str]()
    if "ctm" in formats:
        texts["words.ctm"] = ctm({name: own.words for name, own in times.items()})
        texts["phones.ctm"] = ctm({name: own.phones for name, own in times.items()})
    if "textgrid" in formats:
        for name, own in times.items():
            grid = textgrid({"words": own.words, "phones": own.phones}, own.seconds)
            texts[f"{_as_file_name(name)}.TextGrid"] = grid
    for file, text in texts.items():
        with replacing(folder / file) as f:
            f.write(text.encode())


def _as_file_name(name: str) -> str:
    """A file's name for an utterance, never the same for two; what leads to other folders is written as in addresses."""
    for character in ("%", "/", "\0"):
        name = name.replace(character, f"%{ord(character):02X}")
    return name
