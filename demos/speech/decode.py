"""Recognises recordings with a rung of a run: words, their times, other guesses, lattices."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from demos.common import positive, say, write_json
from minidl.errors import ArgumentError, DataError
from minidl.speech.decoder import Hypothesis, Lattice
from minidl.speech.extraction import FeatureSettings
from minidl.speech.segments import Segment, ctm
from minidl.train.files import replacing

from .models import ALIGNER, STAGES
from .recognisers import Weights, make_ready
from .recordings import hear, recording_options, utterances_of


def add_commands(commands: Any) -> None:
    """The command ``decode``."""
    c = commands.add_parser("decode", parents=[recording_options()], help="recognise recordings")
    c.add_argument("run", type=Path, help="the directory of a training")
    c.add_argument("files", type=Path, nargs="+", metavar="FILE", help="WAV, FLAC, OGG or NIST SPHERE, at any rate")
    c.add_argument(
        "--rung", choices=[s for s in STAGES if s != ALIGNER], help="which recogniser (default: the one with fewest errors)"
    )
    c.add_argument("--one-speaker", action="store_true", help="all files are one person's: normalise them together")
    c.add_argument("--n-best", type=positive, default=1, metavar="N", help="print the N most likely sentences")
    c.add_argument("--words-out", type=Path, metavar="FILE", help="write words with their times as CTM")
    c.add_argument("--lattice", type=Path, metavar="FILE", help="write the word lattices as text")
    c.set_defaults(run_command=decode)


def decode(args: argparse.Namespace) -> None:
    """Print the words of each file; all files are read before anything is printed or written."""
    ready = make_ready(args.run, args.rung)
    for option, wanted in (("--lattice", args.lattice), ("--words-out", args.words_out)):
        if wanted and ready.weights.name == "ctc":
            raise ArgumentError(f"{option}: a CTC network does not know when words are said; take another --rung")
    heard = hear(utterances_of(args.files, args.channel, one_speaker=args.one_speaker), ready.features)
    for why in heard.set_aside.values():
        raise DataError(why)
    say(f"recognising with {_described(ready.weights)}")
    sentences, lattices = dict[str, list[Hypothesis]](), list[str]()
    for name, features in heard.features.items():
        found = ready.recogniser(features)
        likely = found.n_best(args.n_best, ready.weights.lm_weight, ready.weights.insertion_penalty)
        sentences[name] = [_timed(h, ready.features) for h in likely]
        if args.lattice:
            assert isinstance(found, Lattice)
            lattices.append(f"{name}\n{found.text()}\n")
        _show(name, sentences[name])
    if args.words_out:
        _write(args.words_out, ctm({name: best[0].segments for name, best in sentences.items()}))
    if args.lattice:
        _write(args.lattice, "".join(lattices))
    found_in = {name: [asdict(h) for h in own] for name, own in sentences.items()}
    write_json(args.json, {"rung": ready.weights.name, "sentences": found_in})


def _described(weights: Weights) -> str:
    rate = "" if weights.rate is None else f" ({100 * weights.rate:.1f} % word errors on its test part)"
    return f"{weights.name}{rate}"


def _timed(sentence: Hypothesis, settings: FeatureSettings) -> Hypothesis:
    """With times of the recording, whose first frame stands for what comes a little after its start."""
    segments = (Segment(s.label, s.start + settings.offset, s.end + settings.offset) for s in sentence.segments)
    return replace(sentence, segments=tuple(segments))


def _show(name: str, sentences: Sequence[Hypothesis]) -> None:
    best = sentences[0]
    print(f"{name}: {' '.join(best.words)}")
    if not best.words:
        say(f"{name}: no words were recognised")
    elif not best.complete:
        say(f"{name}: no sentence ends where the recording does; what was recognised up to there is shown")
    for s in best.segments:
        print(f"{s.start:10.2f} {s.end:7.2f}  {s.label}")
    for place, other in enumerate(sentences[1:], 2):
        print(f"{place:6}. {' '.join(other.words)}  (score {other.score - best.score:.1f})")


def _write(path: Path, text: str) -> None:
    with replacing(path) as f:
        f.write(text.encode())
