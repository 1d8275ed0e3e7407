"""A user's own recordings: a folder with the files that Kaldi's recipes are fed with."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from ...errors import DataError
from ..audio import Audio, read
from ..lexicon import SILENCE, Lexicon, read_lexicon
from .corpus import Corpus, Utterance
from .kaldi_files import Clip, Problem, read_recordings, read_segments, read_speakers, read_transcripts

_PARTS = ("train", "dev", "test")
_LEXICONS = ("lexiconp.txt", "lexicon.txt")
_LEXICON_FOLDERS = (".", "train", "local/dict")  # the last is Kaldi's
_HELD_OUT = 10  # every how manieth
_OVERSHOOT = 0.5  # seconds that a segment may end after its recording, as in Kaldi's extract-segments


def load_folder(
    folder: str | os.PathLike[str], *, rate: int | None = None, channel: int | None = None, silence: str = SILENCE
) -> Corpus:
    """A folder with ``wav.scp``, ``text`` and, if there are any, ``utt2spk`` and ``segments``; or one with such folders.

    These are ``train`` and, if there are any, ``dev`` and ``test``. What is missing of the two is held out of the
    training utterances: a tenth of the speakers each, at least one, drawn with a fixed seed; or a tenth of the utterances
    if there are too few speakers. Too few utterances for that all train. Without ``utt2spk`` each utterance has a speaker
    of its own.

    The lexicon, ``lexiconp.txt`` or ``lexicon.txt``, lies in the folder, in its ``train`` or in its ``local/dict``.

    Utterances that cannot be used are in the result's `set_aside`: without audio, transcript or speaker, with a word that
    is not in the lexicon, with a name that comes twice. Audio is looked at only when an utterance is read.

    Parameters
    ----------
    folder : path
        Relative paths in ``wav.scp`` are seen from its own folder, from the one above, from here; the first counts where
        the file is.
    rate : int, optional
        Samples a second; other recordings are resampled to it. By default that of the first one that can be read.
    channel : int, optional
        Of recordings with several.
    silence : str
        The lexicon's phone for pauses.

    Raises
    ------
    DataError
        A file is missing that must be there, is no UTF-8, or has a command in place of a recording; the lexicon is
        damaged; no utterance is left.
    """
    folder = Path(folder)
    lexicon = read_lexicon(_lexicon_path(folder), silence=silence)
    folders = {part: folder / part for part in _PARTS if (folder / part).is_dir()}
    if "train" not in folders:
        folders = {"train": folder}
    clips = {part: _clips(place) for part, place in folders.items()}
    rate = _rate(folder, [clip for part in clips.values() for clip in part.values()], rate, channel)
    parts: dict[str, dict[str, Utterance]] = {}
    set_aside: dict[str, str] = {}
    for part, place in folders.items():
        found = _utterances(place, clips[part], lexicon, partial(_read, rate=rate, channel=channel))
        for name, entry in found.items():
            if any(name in earlier for earlier in parts.values()):
                set_aside[f"{part}/{name}"] = "another part has an utterance of this name too"
            elif isinstance(entry, Problem):
                set_aside[name] = entry.reason
        parts[part] = {n: u for n, u in found.items() if isinstance(u, Utterance) and f"{part}/{n}" not in set_aside}
    if not parts["train"]:
        name, reason = next(iter(set_aside.items()), ("wav.scp", "empty"))
        place = folders["train"]
        raise DataError(f"{place}: no utterance to train on is left; {len(set_aside)} set aside, the first {name}: {reason}")
    whole = {part: tuple(utterances.values()) for part, utterances in parts.items()}
    whole |= hold_out(whole["train"], [part for part in _PARTS if part not in whole])
    train, dev, test = (whole[part] for part in _PARTS)
    isolated = all(len(utterance.words) == 1 for utterance in (*train, *dev, *test))
    return Corpus(folder.resolve().name, train, dev, test, lexicon, rate, isolated, set_aside)


def hold_out(utterances: Sequence[Utterance], parts: Sequence[str]) -> dict[str, tuple[Utterance, ...]]:
    """What stays to train on, as ``train``, and what is taken away for each of the named parts; see :func:`load_folder`."""
    by_speaker = len({u.speaker for u in utterances}) > len(parts)

    def unit(utterance: Utterance) -> str:
        return utterance.speaker if by_speaker else utterance.name

    units = sorted({unit(u) for u in utterances})
    n = max(1, len(units) // _HELD_OUT) if len(units) > len(parts) else 0
    order = np.random.default_rng(0).permutation(len(units))
    part_of = {units[k]: part for i, part in enumerate(parts) for k in order[i * n : (i + 1) * n]}
    return {p: tuple(u for u in utterances if part_of.get(unit(u), "train") == p) for p in ("train", *parts)}


# -- finding ---------------------------------------------------------------------------------------------


def _lexicon_path(folder: Path) -> Path:
    for place in _LEXICON_FOLDERS:
        for name in _LEXICONS:
            if (folder / place / name).is_file():
                return folder / place / name
    raise DataError(f"{folder}: no lexicon; write lexicon.txt, a word and its phones a line, such as: yes Y EH S")


def _clips(place: Path) -> dict[str, Clip | Problem]:
    """Each utterance's recording, or its stretch of one."""
    for name, line in (("wav.scp", "an utterance and its file"), ("text", "an utterance and its words")):
        if not (place / name).is_file():
            raise DataError(f"{place}: no file {name}; write {line} a line")
    recordings = read_recordings(place / "wav.scp", [place, place.parent, Path()])
    segments = place / "segments"
    return read_segments(segments, recordings) if segments.is_file() else recordings


def _utterances(
    place: Path, clips: Mapping[str, Clip | Problem], lexicon: Lexicon, read: Callable[[str, Clip], Audio]
) -> dict[str, Utterance | Problem]:
    transcripts = read_transcripts(place / "text")
    names = list(dict.fromkeys([*clips, *transcripts]))
    has_speakers = (place / "utt2spk").is_file()
    speakers = read_speakers(place / "utt2spk") if has_speakers else {name: name for name in names}
    found: dict[str, Utterance | Problem] = {}
    for name in names:
        clip = clips.get(name, Problem("a transcript without audio"))
        words = transcripts.get(name, Problem("audio without a transcript"))
        speaker = speakers.get(name, Problem("not in utt2spk"))
        if isinstance(clip, Problem) or isinstance(words, Problem) or isinstance(speaker, Problem):
            found[name] = next(p for p in (clip, words, speaker) if isinstance(p, Problem))
        elif missing := lexicon.missing(words):
            found[name] = Problem(f"not in the lexicon: {', '.join(missing)}")
        else:
            found[name] = Utterance(name, speaker, words, partial(read, name, clip))
    return found


# -- reading ---------------------------------------------------------------------------------------------


def _read(name: str, clip: Clip, rate: int, channel: int | None) -> Audio:
    try:
        if clip.start == 0 and clip.end is None:
            return read(clip.path, channel=channel, rate=rate)
        whole = _recording(clip.path, rate, channel)
    except DataError as error:
        raise DataError(f"utterance {name}: {error}") from error
    if clip.start >= whole.seconds or (clip.end or 0) > whole.seconds + _OVERSHOOT:
        end = "the end" if clip.end is None else f"{clip.end:g}"
        raise DataError(f"utterance {name}: {clip.path} has {whole.seconds:.2f} seconds, not {clip.start:g} to {end}")
    stop = None if clip.end is None else round(clip.end * rate)
    return Audio(whole.samples[round(clip.start * rate) : stop].copy(), rate)


@functools.lru_cache(maxsize=1)  # an utterance's neighbour is usually of the same recording
def _recording(path: Path, rate: int, channel: int | None) -> Audio:
    return read(path, channel=channel, rate=rate)


def _rate(folder: Path, clips: Sequence[Clip | Problem], rate: int | None, channel: int | None) -> int:
    """That of the first recording that can be read, resampled if a rate is given: nothing else is read to find mistakes."""
    errors = []
    for path in dict.fromkeys(clip.path for clip in clips if isinstance(clip, Clip)):
        try:
            return read(path, channel, rate).rate
        except DataError as error:
            errors.append(error)
    reason = errors[0] if errors else next((c.reason for c in clips if isinstance(c, Problem)), "wav.scp is empty")
    raise DataError(f"{folder}: none of its recordings can be read; the first: {reason}")
