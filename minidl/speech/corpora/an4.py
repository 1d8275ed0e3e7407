"""CMU AN4: names and addresses spelled, numbers, dates and commands, by 79 speakers; with its own lexicon.

Source: http://www.speech.cs.cmu.edu/databases/an4/; described by A. Acero, "Acoustical and Environmental Robustness in
Automatic Speech Recognition" (1993). This is an excerpt of it, with 74 speakers to train on and 5 to measure on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial

from ...data.fetch import RemoteFile, folders
from ..audio import read_bytes
from ..lexicon import Lexicon
from .archive import members
from .corpus import Corpus, Utterance

RATE = 16000

_ARCHIVE = RemoteFile("an4-subset.tar.xz", "9c8b91b2733c34a6033a93c3abc7370f93c19fc71240ea023a006c9af071d9b1")
_TRANSCRIPT = re.compile(r"(?:<s> )?(.*?)(?: </s>)? \([^ ]+\)")
_DEV_SPEAKERS = slice(4, None, 10)  # of the sorted: women and men, whose names begin with f and m


def load_an4() -> Corpus:
    """AN4: 369 utterances of 74 speakers, of whom every tenth is there to choose settings by, and 65 of 5 others.

    Raises
    ------
    DataError
        The archive is not on this machine, or damaged.
    """
    files = members(_ARCHIVE, tuple(folders("an4")))
    training = _utterances(files, "train")
    chosen = sorted({utterance.speaker for utterance in training})[_DEV_SPEAKERS]
    return Corpus(
        "an4",
        train=tuple(u for u in training if u.speaker not in chosen),
        dev=tuple(u for u in training if u.speaker in chosen),
        test=_utterances(files, "test"),
        lexicon=_lexicon(files["an4/etc/an4.dic"].decode()),
        rate=RATE,
    )


def _utterances(files: Mapping[str, bytes], part: str) -> tuple[Utterance, ...]:
    paths = files[f"an4/etc/an4_{part}.fileids"].decode().split()  # such as an4_clstk/fash/an251-fash-b
    lines = files[f"an4/etc/an4_{part}.transcription"].decode().splitlines()
    utterances = []
    for path, line in zip(paths, lines, strict=True):
        match = _TRANSCRIPT.fullmatch(line.strip())
        assert match, line
        _, speaker, name = path.split("/")
        read = partial(read_bytes, files[f"an4/wav/{path}.sph"], f"{name}.sph")
        utterances.append(Utterance(name, speaker, tuple(match[1].split()), read))
    return tuple(utterances)


def _lexicon(text: str) -> Lexicon:
    entries: dict[str, list[list[str]]] = {}
    for word, *phones in filter(None, map(str.split, text.splitlines())):
        entries.setdefault(word.partition("(")[0], []).append(phones)
    return Lexicon(entries)
