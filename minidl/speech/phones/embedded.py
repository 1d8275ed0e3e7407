"""Baum-Welch over transcripts: every way to say an utterance counts, as far as it is likely ("embedded" training, as HTK's).

From a flat start this finds phones that a search for the best path does not: an arbitrary first alignment decides nothing.
"""

from __future__ import annotations

import numpy as np

from ..gmm import accumulate
from ..hmm import Mixtures
from ..hmm.graph import expected_paths
from .alignment import graphs_of, portions
from .material import Material
from .model import AcousticModel
from .passes import Pass, PassStatistics, Progress, mixtures_of, refuse_nothing, updated
from .phone_set import PhoneCounts
from .transcript import TranscriptGraph


def train_all_paths(
    model: AcousticModel, material: Material, iterations: int, progress: Progress | None = None
) -> tuple[AcousticModel, list[Pass]]:
    """Update mixtures and transitions by Baum-Welch; the number of Gaussians stays.

    Parameters
    ----------
    model : AcousticModel
        Whose emission is :class:`.Mixtures`.
    material : Material
    iterations : int
    progress : callable, optional
        Told of each pass, whose log-likelihood is that of all paths.

    Raises
    ------
    TrainingError
        No utterance can be used.
    """
    passes = list[Pass]()
    for iteration in range(1, iterations + 1):
        own, set_aside = accumulate_all_paths(model, material)
        statistics = material.together(own)
        refuse_nothing(statistics, set_aside)
        n_gaussians = mixtures_of(model).model.n_components
        frames, total = statistics.frames, statistics.log_likelihood
        passes.append(Pass(iteration, total / frames, n_gaussians, frames, statistics.set_aside, True))
        if progress is not None:
            progress(passes[-1])
        model = updated(model, statistics)
    return model, passes


def accumulate_all_paths(model: AcousticModel, material: Material) -> tuple[PassStatistics, dict[str, str]]:
    """The E-step over all paths of each transcript, and why some utterances have none."""
    emission, counts = mixtures_of(model), model.phones.no_counts()
    graphs, set_aside = graphs_of(model, material.transcripts, material.lexicon)
    n_frames = {name: len(f) for name, f in material.features.items() if name in graphs and len(f)}
    set_aside |= {name: "it has no frames" for name in graphs if name not in n_frames}
    sums = accumulate(emission.model, *_nothing(emission))
    log_likelihood, used = 0.0, 0
    for names in portions(n_frames, graphs, model.tying.n_pdfs):
        features = [emission.checked(material.features[name], name) for name in names]
        chosen = [graphs[name] for name in names]
        scores = [model.scores(x, g.graph.pdfs) for x, g in zip(features, chosen, strict=True)]
        found = expected_paths([g.graph for g in chosen], scores)
        for i, name in enumerate(names):
            if found.log_likelihoods[i] == -np.inf:
                set_aside[name] = f"no path of its words has its {n_frames[name]} frames"
                continue
            log_likelihood += float(found.log_likelihoods[i])
            used += n_frames[name]
            _count(model, chosen[i], found.posteriors[i], found.arcs[i], counts)
        posteriors = [_of_pdfs(g, p, model.tying.n_pdfs) for g, p in zip(chosen, found.posteriors, strict=True)]
        sums += accumulate(emission.model, np.concatenate(features), np.concatenate(posteriors))
    return PassStatistics(sums, counts, log_likelihood, used, len(set_aside)), set_aside


def _nothing(emission: Mixtures) -> tuple[np.ndarray, np.ndarray]:
    return np.zeros((0, emission.model.n_features)), np.zeros((0, emission.n_states))


def _of_pdfs(graph: TranscriptGraph, posteriors: np.ndarray, n_pdfs: int) -> np.ndarray:
    """State posteriors (frames, S) added up by pdf, (frames, pdfs)."""
    total = np.zeros((n_pdfs, len(posteriors)))
    np.add.at(total, graph.graph.pdfs, posteriors.T)
    return total.T


def _count(
    model: AcousticModel, graph: TranscriptGraph, posteriors: np.ndarray, arcs: np.ndarray, counts: PhoneCounts
) -> None:
    """Add expected arcs to counts, in place: those within a phone, and those that enter and leave it."""
    phone_of = np.array([unit.phone for unit in graph.units])[graph.unit_of]
    sources, targets = graph.graph.sources, graph.graph.targets
    inside = graph.unit_of[sources] == graph.unit_of[targets]
    entered, left = np.zeros(len(phone_of)), np.zeros(len(phone_of))
    np.add.at(entered, targets[~inside], arcs[~inside])
    np.add.at(left, sources[~inside], arcs[~inside])
    entered += posteriors[0]
    left += posteriors[-1]
    for phone in np.unique(phone_of):
        own, here = counts.phones[phone], phone_of == phone
        places = graph.position_of[here]
        np.add.at(own.start, places, entered[here])
        np.add.at(own.final, places, left[here])
        stay = inside & here[sources]
        np.add.at(own.transitions, (graph.position_of[sources[stay]], graph.position_of[targets[stay]]), arcs[stay])
