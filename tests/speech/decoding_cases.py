"""Small recognisers, and what is said in an utterance found by trying all word sequences, pronunciations and silences."""

from itertools import product

import numpy as np

from minidl.speech.hmm import Topology, left_to_right, skip, viterbi
from minidl.speech.lexicon import Lexicon, Pronunciation
from minidl.speech.phones import PhoneSet, Tying, monophones


class Histories:
    """A grammar of at most `longest` words with random probabilities, some of them 0; of each state, only the last `memory`
    words and their number count."""

    def __init__(self, words, rng, longest, memory):
        self.words, self._longest, self._memory = tuple(words), longest, memory
        self._rng, self._states, self._tables = rng, [()], {}

    def start(self):
        return 0

    def _table(self, state):
        history = self._states[state]
        key = len(history), history[len(history) - min(self._memory, len(history)) :]
        if key not in self._tables:
            rows = self._rng.dirichlet(np.ones(len(self.words) + 1))
            rows[: len(self.words)][self._rng.random(len(self.words)) < 0.15] = 0
            self._tables[key] = np.log(np.maximum(rows, 1e-300)), rows > 0
        return self._tables[key]

    def log_probs(self, state):
        logs, there = self._table(state)
        return np.where(there[:-1] & (len(self._states[state]) < self._longest), logs[:-1], -np.inf)

    def advance(self, state, word):
        history = (*self._states[state], word)
        kept = history[len(history) - min(self._memory, len(history)) :]
        name = (-1,) * (len(history) - len(kept)) + kept  # what is forgotten still counts
        if name not in self._states:
            self._states.append(name)
        return self._states.index(name)

    def end(self, state):
        return float(self._table(state)[0][-1])


def random_topology(rng, n_states):
    kind = rng.integers(3)
    if kind == 0:
        return left_to_right(n_states, rng.uniform(0.2, 0.8))
    if kind == 1:
        return skip(n_states, 0.5, 0.2)
    rows = rng.dirichlet(np.ones(n_states + 1), n_states)
    return Topology(rng.dirichlet(np.ones(n_states)), rows[:, :-1], rows[:, -1])


def random_tying(rng, phones, n_pdfs):
    """Every state of every phone in context has any density; silence has the same in all contexts."""
    tables = [rng.integers(n_pdfs, size=(t.n_states, len(phones), len(phones))) for t in phones.topologies]
    tables[phones.silence] = np.broadcast_to(tables[phones.silence][:, :1, :1], tables[phones.silence].shape)
    numbers = np.unique(np.concatenate([t.ravel() for t in tables]))
    return Tying([np.searchsorted(numbers, t) for t in tables])


def random_recogniser(seed, triphones, n_words=3, n_phones=3, longest=3):
    """Phones, tying and lexicon; a few words share their beginnings, and one has two pronunciations."""
    rng = np.random.default_rng(seed)
    names = ["SIL", *"ABCDEF"[:n_phones]]
    topologies = [random_topology(rng, rng.integers(1, 3)) for _ in names]
    if rng.random() < 0.3:
        topologies[0] = Topology(np.full(2, 0.5), np.full((2, 2), 0.4), np.full(2, 0.2))  # ergodic
    phones = PhoneSet(names, topologies, "SIL")
    tying = random_tying(rng, phones, 4) if triphones else monophones(phones)
    entries = {f"w{i}": [tuple(rng.choice(names[1:], rng.integers(1, longest + 1)))] for i in range(n_words)}
    second = Pronunciation(tuple(rng.choice(names[1:], rng.integers(1, longest + 1))), -0.7)
    entries["w0"] = [Pronunciation(entries["w0"][0]), second]
    return phones, tying, Lexicon(entries, silence_prob=float(rng.choice([0.0, 0.2, 0.5]))), rng


def all_that_may_be_said(phones, tying, lexicon, grammar, scores, lm_weight, penalty, longest):
    """Of each word sequence, its best score; each pronunciation with each placing of silence is an HMM of its own."""
    found = {}
    for length in range(longest + 1):
        for words in product(range(len(grammar.words)), repeat=length):
            state, lm = grammar.start(), 0.0
            for word in words:
                lm += grammar.log_probs(state)[word]
                state = grammar.advance(state, word) if lm > -np.inf else state
            if lm > -np.inf:
                lm += grammar.end(state) - penalty * length
                ways = spoken_ways([grammar.words[w] for w in words], phones, lexicon)
                totals = [lm + own + acoustic(units, phones, tying, scores / lm_weight) for own, units in ways]
                best = max(totals, default=-np.inf)
                if best > -np.inf:
                    found[tuple(grammar.words[w] for w in words)] = best * lm_weight
    return found


def spoken_ways(words, phones, lexicon):
    """Log probability and phones of each way to say some words."""
    pauses = [(lexicon.silence_prob, (phones.silence,)), (1 - lexicon.silence_prob, ())]
    for before in pauses:
        for ways in product(*(lexicon.pronunciations(word) for word in words)):
            for after in product(pauses, repeat=len(words)):
                chance = np.prod([p for p, _ in (before, *after)])
                units = before[1] + sum((phones.indices(w.phones) + a for w, (_, a) in zip(ways, after, strict=True)), ())
                if chance > 0 and units:
                    yield np.log(chance) + sum(w.log_prob for w in ways), units


def acoustic(units, phones, tying, scores):
    """The best path through phones one after the other, each between its neighbours."""
    topologies = [phones.topologies[u] for u in units]
    sequence = [phones.silence, *units, phones.silence]
    pdfs = np.concatenate([tying.pdfs(*sequence[i : i + 3]) for i in range(len(units))])
    first = np.cumsum([0, *(t.n_states for t in topologies)])
    transitions, start, final = np.zeros((first[-1], first[-1])), np.zeros(first[-1]), np.zeros(first[-1])
    for i, t in enumerate(topologies):
        own = slice(first[i], first[i + 1])
        transitions[own, own] = t.transitions
        if i + 1 < len(topologies):
            transitions[own, first[i + 1] : first[i + 2]] = np.outer(t.final, topologies[i + 1].start)
    start[: first[1]], final[first[-2] :] = topologies[0].start, topologies[-1].final
    return viterbi(Topology(start, transitions, final), [scores[:, pdfs]]).log_likelihoods[0]


def heard(words, phones, tying, lexicon, rng, spread=1.0, dimensions=13):
    """Scores of an utterance: every density has a mean, the frames lie about those of the words' states."""
    means = np.random.default_rng(7).standard_normal((tying.n_pdfs, dimensions)) * spread
    units = [phones.silence]
    for word in words:
        ways = lexicon.pronunciations(word)
        units += phones.indices(ways[rng.integers(len(ways))].phones)
        units += [phones.silence] * int(rng.random() < 0.3)
    sequence = [*units, phones.silence, phones.silence]
    around = [phones.silence, *sequence]
    pdfs = [tying.pdfs(*around[i : i + 3]) for i in range(len(sequence) - 1)]
    path = np.concatenate([np.repeat(own, rng.integers(1, 5, len(own))) for own in pdfs])
    frames = means[path] + rng.standard_normal((len(path), dimensions))
    return -0.5 * ((frames[:, None] - means) ** 2).sum(2)


class Bigram:
    """Of each word after each, and after the start: random, or given (words + 1, words + 1), rows from the start's on."""

    def __init__(self, words, rng, table=None):
        self.words = tuple(words)
        n = len(words) + 1
        self.table = np.log(rng.dirichlet(np.full(n, 0.1), n) + 1e-6) if table is None else table

    def start(self):
        return 0

    def log_probs(self, state):
        return self.table[state, :-1]

    def advance(self, state, word):
        return word + 1

    def end(self, state):
        return float(self.table[state, -1])

    def sentence(self, rng, length):
        """Words drawn from it, as if no sentence ended before."""
        state, words = 0, []
        for _ in range(length):
            p = np.exp(self.log_probs(state))
            words.append(int(rng.choice(len(self.words), p=p / p.sum())))
            state = self.advance(state, words[-1])
        return [self.words[w] for w in words]


def random_lexicon(n_words, n_phones, rng):
    """Words of 3 to 8 phones."""
    names = np.array([f"P{i}" for i in range(n_phones)])
    return Lexicon({f"w{i}": [tuple(names[rng.integers(n_phones, size=rng.integers(3, 9))])] for i in range(n_words)})
