"""Recordings that the user names: their options, their names in tables, their features, or why they have none."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from demos.common import Parser, say, whole
from minidl.errors import ArgumentError
from minidl.speech.audio import Audio, read
from minidl.speech.corpora import Utterance
from minidl.speech.extraction import Extractor, FeatureSettings


def recording_options() -> argparse.ArgumentParser:
    """A parent parser with what every command on recordings has."""
    p = Parser(add_help=False)
    p.add_argument("--channel", type=whole, metavar="N", help="of recordings with several, counted from 0")
    p.add_argument("--json", metavar="FILE", type=Path, help="write what was found to FILE")
    p.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return p


def utterances_of(
    paths: Sequence[Path], channel: int | None, words: Sequence[str] = (), one_speaker: bool = False
) -> list[Utterance]:
    """Files as utterances, named without folder and ending where that tells them apart.

    Raises
    ------
    ArgumentError
        Two that would have the same name.
    """
    paths = list(dict.fromkeys(paths))
    different = len({p.stem for p in paths}) == len(paths)
    names = ["_".join((p.stem if different else str(p)).split()) for p in paths]  # tables have no room for white space
    if len(set(names)) < len(names):
        raise ArgumentError("two of the files differ in white space alone; rename one")
    return [
        Utterance(name, "the one" if one_speaker else name, tuple(words), partial(read, path, channel))
        for name, path in zip(names, paths, strict=True)
    ]


@dataclass(frozen=True)
class Heard:
    """Features and seconds of utterances, and why others have none."""

    features: Mapping[str, np.ndarray]
    seconds: Mapping[str, float]
    set_aside: Mapping[str, str]


def hear(utterances: Sequence[Utterance], settings: FeatureSettings) -> Heard:
    """Read utterances and compute their features; warns of recordings that lack the high frequencies."""
    audios = dict[str, tuple[float, int]]()

    def noting(utterance: Utterance) -> Utterance:
        def noted() -> Audio:
            audio = utterance.read()
            audios[utterance.name] = audio.seconds, audio.rate
            return audio

        return replace(utterance, read=noted)

    found = Extractor(settings).corpus(map(noting, utterances))
    low = [name for name, (_, rate) in audios.items() if rate < settings.rate]
    if low:
        rates = f"has {audios[low[0]][1]} Hz, and the models know speech of {settings.rate} Hz: expect more errors"
        say(f"warning: {low[0]} {rates} ({len(low)} of {len(audios)} recordings)")
    set_aside = {name: why if name in why else f"{name}: {why}" for name, why in found.set_aside.items()}
    return Heard(found.features, {name: seconds for name, (seconds, _) in audios.items()}, set_aside)
