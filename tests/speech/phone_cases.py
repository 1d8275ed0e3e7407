"""Models of a few phones, and frames drawn from them of which all is known."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from minidl.speech.gmm import GMM
from minidl.speech.hmm import Mixtures, left_to_right, silence
from minidl.speech.lexicon import Lexicon, Pronunciation
from minidl.speech.phones import AcousticModel, PhoneSet, monophones
from minidl.speech.phones.alignment import Alignment

LEXICON = Lexicon(
    {"ab": [("A", "B")], "b": [("B",)], "cab": [("C", "A", "B")], "cc": [("C", "C"), Pronunciation(("C", "A"), -0.5)]},
    silence_prob=0.4,
)
PHONES = PhoneSet(LEXICON.phones, [silence(3), *[left_to_right(2)] * 3], "SIL")


def some_model(spread, tying=None, phones=PHONES, d=2):
    """Gaussians of variance 1, their means about `spread` apart."""
    tying = tying or monophones(phones)
    means = spread * np.random.default_rng(5).permutation(tying.n_pdfs)[:, None] * np.ones(d) * np.cos(np.arange(d))
    model = GMM(np.ones(tying.n_pdfs), means, np.ones((tying.n_pdfs, d)), [1] * tying.n_pdfs)
    return AcousticModel(phones, tying, Mixtures(model))


def draw(model, lexicon, words, rng):
    """Frames of words, and their true alignment."""
    said = [(0, -1)] * int(rng.random() < lexicon.silence_prob)
    for i, word in enumerate(words):
        ways = lexicon.pronunciations(word)
        weights = np.exp([way.log_prob for way in ways])
        way = ways[rng.choice(len(ways), p=weights / weights.sum())]
        said += [(phone, i) for phone in model.phones.indices(way.phones)]
        said += [(0, -1)] * int(rng.random() < lexicon.silence_prob)
    rows, between = [], [0, *(phone for phone, _ in said), 0]
    for unit, (phone, word) in enumerate(said):
        topology = model.phones.topologies[phone]
        n, pdfs = topology.n_states, model.tying.pdfs(between[unit], phone, between[unit + 2])
        state = rng.choice(n, p=topology.start)
        while state < n:
            rows.append((phone, state, unit, word, pdfs[state]))
            state = rng.choice(n + 1, p=[*topology.transitions[state], topology.final[state]])
    phones, states, units, places, pdfs = np.array(rows).T
    gmm = model.emission.model
    features = gmm.means[pdfs] + rng.standard_normal((len(pdfs), gmm.n_features)) * np.sqrt(gmm.covariances[pdfs])
    return features, Alignment(phones, states, units, places, -np.inf)


def some_speech(model, n, seed=0, lexicon=LEXICON):
    """Features, transcripts and true alignments of utterances of one to three words."""
    rng = np.random.default_rng(seed)
    transcripts = {f"u{i:02}": [lexicon.words[k] for k in rng.integers(0, 4, rng.integers(1, 4))] for i in range(n)}
    drawn = {name: draw(model, lexicon, words, rng) for name, words in transcripts.items()}
    return {name: f for name, (f, _) in drawn.items()}, transcripts, {name: a for name, (_, a) in drawn.items()}


def in_threads(functions):
    """Each function in a thread of its own, given what adds up the things of all; their results."""
    barrier, slots = threading.Barrier(len(functions)), [None] * len(functions)

    def run(place):
        def together(own):
            slots[place] = own
            barrier.wait(30)
            total = slots[0]
            for other in slots[1:]:
                total = total + other
            barrier.wait(30)
            return total

        try:
            return functions[place](together)
        except BaseException:
            barrier.abort()
            raise

    with ThreadPoolExecutor(len(functions)) as pool:
        return list(pool.map(run, range(len(functions))))
