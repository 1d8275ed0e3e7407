"""Forced alignment: which state of which phone of its transcript an utterance is in at each frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ...errors import DataError
from ..hmm.graph import best_paths
from ..lexicon import Lexicon
from .model import AcousticModel
from .phone_set import PhoneCounts, PhoneSet
from .transcript import NO_WORD, TranscriptGraph, transcript_graph

BEAMS = (100.0, 400.0)  # Kaldi's 10 and 40 (train_mono.sh), which are of scores times 0.1
_AT_ONCE = 1 << 22  # frames, times scores and states of each, that are searched together


@dataclass(frozen=True)
class Alignment:
    """One utterance's path.

    Attributes
    ----------
    phones, states : (frames,) int arrays
        The phone, and which state of its topology.
    units : (frames,) int array
        Counts the phones from 0 on: the same phone said twice has two numbers.
    words : (frames,) int array
        The place in the transcript; -1 in silence.
    log_likelihood : float
        Of frames and path.
    """

    phones: np.ndarray
    states: np.ndarray
    units: np.ndarray
    words: np.ndarray
    log_likelihood: float

    def neighbours(self, silence: int) -> tuple[np.ndarray, np.ndarray]:
        """The phones before and after that of each frame; silence at the ends."""
        firsts = np.flatnonzero(np.diff(self.units, prepend=-1))
        sequence = np.concatenate([[silence], self.phones[firsts], [silence]])
        return sequence[self.units], sequence[self.units + 2]

    def spans(self, of: np.ndarray) -> list[tuple[int, int, int]]:
        """Runs of equal numbers in `units` or `words`, as (number, first frame, frame after the last)."""
        firsts = np.flatnonzero(np.diff(of, prepend=of[0] - 1))
        ends = [*firsts[1:], len(of)]
        return [(int(of[first]), int(first), int(end)) for first, end in zip(firsts, ends, strict=True)]


@dataclass
class Aligned:
    """Alignments by utterance, and why others have none."""

    alignments: dict[str, Alignment] = field(default_factory=dict)
    set_aside: dict[str, str] = field(default_factory=dict)


def align(
    model: AcousticModel,
    features: Mapping[str, np.ndarray],
    transcripts: Mapping[str, Sequence[str]],
    lexicon: Lexicon,
    beams: Sequence[float] = BEAMS,
) -> Aligned:
    """Align utterances to their transcripts.

    What cannot be aligned is set aside, with the reason: a word that the lexicon lacks, too few frames for its phones, no
    path within the widest beam.

    Parameters
    ----------
    model : AcousticModel
    features : mapping of name to (frames, D) array
        For the model's emission.
    transcripts : mapping of name to sequence of str
        Of the same names at least.
    lexicon : Lexicon
    beams : sequence of float
        Tried one after the other; see :func:`.best_paths`.

    Raises
    ------
    ArgumentError, DataError
        Features that the emission does not take.
    """
    aligned = Aligned()
    graphs, aligned.set_aside = graphs_of(model, {name: transcripts[name] for name in features}, lexicon)
    waiting = {name: len(features[name]) for name in features if name in graphs}
    for beam in beams:
        found = dict[str, Alignment]()
        for names in portions(waiting, graphs, model.emission.n_states):
            found |= _align_portion(model, {n: features[n] for n in names}, graphs, beam)
        aligned.alignments |= found
        waiting = {name: n for name, n in waiting.items() if name not in found}
    for name, n in waiting.items():
        aligned.set_aside[name] = (
            f"its {n} frames cannot be aligned to its {len(transcripts[name])} words, also with a beam of {beams[-1]:g}: "
            "too short for their phones, or other words were said"
        )
    order = [name for name in features if name in aligned.alignments]
    return Aligned({name: aligned.alignments[name] for name in order}, aligned.set_aside)


def graphs_of(
    model: AcousticModel, transcripts: Mapping[str, Sequence[str]], lexicon: Lexicon
) -> tuple[dict[str, TranscriptGraph], dict[str, str]]:
    """The graph of each transcript, and why some have none."""
    graphs, set_aside = dict[str, TranscriptGraph](), dict[str, str]()
    for name, words in transcripts.items():
        try:
            if not words:
                raise DataError("its transcript is empty")
            graphs[name] = transcript_graph(words, lexicon, model)
        except DataError as error:
            set_aside[name] = str(error)
    return graphs, set_aside


def portions(lengths: Mapping[str, int], graphs: Mapping[str, TranscriptGraph], n_pdfs: int) -> list[list[str]]:
    """Names, so many together that what the search remembers fits in memory; those of like length side by side."""
    found, size = list[list[str]](), 0
    for name in sorted(lengths, key=lambda n: -lengths[n]):
        own = lengths[name] * (graphs[name].graph.n_states + n_pdfs)
        if not found or size + own > _AT_ONCE:
            found.append([])
            size = 0
        found[-1].append(name)
        size += own
    return found


def _align_portion(
    model: AcousticModel, features: Mapping[str, np.ndarray], graphs: Mapping[str, TranscriptGraph], beam: float
) -> dict[str, Alignment]:
    checked = {name: model.emission.checked(f, name) for name, f in features.items()}
    checked = {name: f for name, f in checked.items() if len(f)}
    if not checked:
        return {}
    chosen = [graphs[name] for name in checked]
    scores = [model.scores(f, graph.graph.pdfs) for f, graph in zip(checked.values(), chosen, strict=True)]
    paths = best_paths([g.graph for g in chosen], scores, beam)
    return {
        name: _read(graph, states, float(total))
        for name, graph, states, total in zip(checked, chosen, paths.states, paths.log_likelihoods, strict=True)
        if total > -np.inf
    }


def _read(graph: TranscriptGraph, path: np.ndarray, log_likelihood: float) -> Alignment:
    units = graph.unit_of[path]
    phones = np.array([u.phone for u in graph.units])[units]
    words = np.array([u.word for u in graph.units])[units]
    counted = np.cumsum(np.diff(units, prepend=units[0]) != 0)
    return Alignment(phones, graph.position_of[path], counted, words, log_likelihood)


def frames_of(alignments: Mapping[str, Alignment], features: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """The features of aligned utterances; DataError if an utterance has none, or not as many frames as were aligned."""
    for name, alignment in alignments.items():
        if name not in features or len(features[name]) != len(alignment.phones):
            there = f"{len(features[name])} frames of features" if name in features else "no features"
            raise DataError(f"utterance {name} is aligned at {len(alignment.phones)} frames but has {there}; align it anew")
    return [np.asarray(features[name], np.float64) for name in alignments]


def count_transitions(alignment: Alignment, counts: PhoneCounts) -> None:
    """Add one alignment's arcs to counts, in place."""
    first = np.diff(alignment.units, prepend=-1) != 0
    last = np.append(first[1:], True)
    for phone in np.unique(alignment.phones):
        here, own = alignment.phones == phone, counts.phones[phone]
        np.add.at(own.start, alignment.states[here & first], 1)
        np.add.at(own.final, alignment.states[here & last], 1)
        stays = np.flatnonzero(here & ~last)
        np.add.at(own.transitions, (alignment.states[stays], alignment.states[stays + 1]), 1)


def equal_alignment(words: Sequence[str], n_frames: int, lexicon: Lexicon, phones: PhoneSet) -> Alignment:
    """Frames dealt out evenly to the states of the words' first pronunciations, silence before and after (Kaldi, pass 0).

    Without the silences if there are fewer frames than states.

    Raises
    ------
    DataError
        No words, or one that the lexicon lacks; fewer frames than states.
    """
    if not words:
        raise DataError("its transcript is empty")
    spoken = [(phone, i) for i, word in enumerate(words) for phone in phones.indices(lexicon.pronunciations(word)[0].phones)]
    pause = (phones.silence, NO_WORD)
    for sequence in ([pause, *spoken, pause], spoken):
        states = [(unit, state) for unit, (phone, _) in enumerate(sequence)
                  for state in range(phones.topologies[phone].n_states)]  # fmt: skip
        if len(states) <= n_frames:
            break
    else:
        raise DataError(f"its {n_frames} frames are too few for the {len(states)} states of its words")
    units, positions = np.array(states)[np.arange(n_frames) * len(states) // n_frames].T
    said = np.array(sequence)[units]
    return Alignment(said[:, 0], positions, units, said[:, 1], -np.inf)
