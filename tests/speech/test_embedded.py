"""Baum-Welch over transcripts equals the sum over all paths, one by one; likelihoods rise; boundaries are found."""

from dataclasses import replace
from itertools import pairwise, product

import numpy as np
import pytest
from speech.phone_cases import LEXICON, PHONES, in_threads, some_model, some_speech

from minidl.errors import ArgumentError, DataError, TrainingError
from minidl.speech.gmm import GMM
from minidl.speech.hmm import GivenScores, Mixtures, skip
from minidl.speech.lexicon import Lexicon, Pronunciation
from minidl.speech.phones import AcousticModel, PhoneSet, Tying
from minidl.speech.phones.alignment import Aligned, align
from minidl.speech.phones.embedded import accumulate_all_paths, train_all_paths
from minidl.speech.phones.material import Material
from minidl.speech.phones.monophones import train_monophones
from minidl.speech.phones.passes import Schedule, train_passes

TINY = Lexicon({"x": [("A",), Pronunciation(("B", "A"), -0.7)], "y": [("B",)]}, silence_prob=0.3)
TINY_PHONES = PhoneSet(TINY.phones, [skip(2, 0.5, 0.2), skip(2, 0.4, 0.3), skip(1, 0.6, 0.0)], "SIL")
TIED = Tying([np.array([0, 1])[:, None, None] * np.ones((1, 3, 3), int),
              2 + np.arange(18).reshape(2, 3, 3) % 4, np.arange(9).reshape(1, 3, 3) % 6])  # fmt: skip


def tiny_model(rng):
    """Two Gaussians in some of six densities that depend on neighbours."""
    sizes = [1, 2, 1, 2, 1, 1]
    weights = np.array([1, 0.3, 0.7, 1, 0.6, 0.4, 1, 1])
    gmm = GMM(weights, rng.standard_normal((8, 2)), rng.uniform(0.5, 2, (8, 2)), sizes)
    return AcousticModel(TINY_PHONES, TIED, Mixtures(gmm))


def all_that_may_be_said(words, lexicon, phones):
    """Sequences of phones with silences, and their log probabilities."""
    with np.errstate(divide="ignore"):
        pause, none = np.log([lexicon.silence_prob, 1 - lexicon.silence_prob])
    for ways in product(*(lexicon.pronunciations(word) for word in words)):
        for pauses in product((True, False), repeat=len(words) + 1):
            said = [phones.silence] * pauses[0]
            for way, paused in zip(ways, pauses[1:], strict=True):
                said += [*phones.indices(way.phones), *[phones.silence] * paused]
            yield said, sum(w.log_prob for w in ways) + sum(pause if p else none for p in pauses)


def brute_force(model, features, words, lexicon):
    """By the definition: every sequence of phones, every path through their states."""
    phones, scores = model.phones, model.emission.log_likelihood(features)
    paths = []
    for said, log_prob in all_that_may_be_said(words, lexicon, phones):
        between = [phones.silence, *said, phones.silence]
        states = [(unit, state) for unit, phone in enumerate(said) for state in range(phones.topologies[phone].n_states)]
        pdfs = [model.tying.pdfs(between[u], phone, between[u + 2]) for u, phone in enumerate(said)]
        for path in product(states, repeat=len(features)):
            if path[0][0] != 0 or path[-1][0] != len(said) - 1 or any(b[0] - a[0] not in (0, 1) for a, b in pairwise(path)):
                continue
            log = log_prob + sum(scores[t, pdfs[u][s]] for t, (u, s) in enumerate(path))
            steps = []
            for before, after in pairwise([(-1, None), *path, (len(said), None)]):
                if before[0] == after[0]:
                    steps.append((said[before[0]], "transitions", (before[1], after[1])))
                    continue
                if before[0] >= 0:
                    steps.append((said[before[0]], "final", before[1]))
                if after[0] < len(said):
                    steps.append((said[after[0]], "start", after[1]))
            with np.errstate(divide="ignore"):
                log += sum(np.log(getattr(phones.topologies[p], which)[place]) for p, which, place in steps)
            if log > -np.inf:
                paths.append((log, [pdfs[u][s] for u, s in path], steps))
    total = np.logaddexp.reduce([log for log, _, _ in paths])
    posteriors, counts = np.zeros(scores.shape), phones.no_counts()
    for log, path, steps in paths:
        p = np.exp(log - total)
        posteriors[np.arange(len(path)), path] += p
        for phone, which, place in steps:
            getattr(counts.phones[phone], which)[place] += p
    return total, model.emission.accumulate(features, posteriors), counts


def assert_same_sums(found, mixtures, counts):
    for name in ("occupancy", "first", "second"):
        np.testing.assert_allclose(getattr(found.mixtures, name), getattr(mixtures, name), rtol=1e-9, atol=1e-9)
    for own, other in zip(found.transitions.phones, counts.phones, strict=True):
        for name in ("start", "transitions", "final"):
            np.testing.assert_allclose(getattr(own, name), getattr(other, name), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("words", "n_frames"), [("x", 1), ("x", 4), ("y", 3), ("yx", 3), ("xy", 4)], ids=lambda value: str(value)
)
def test_sums_are_those_over_all_paths(words, n_frames):
    rng = np.random.default_rng(n_frames)
    model, features = tiny_model(rng), rng.standard_normal((n_frames, 2)) * 2
    total, mixtures, counts = brute_force(model, features, list(words), TINY)
    found, set_aside = accumulate_all_paths(model, Material({"u": features}, {"u": list(words)}, TINY))
    assert found.log_likelihood == pytest.approx(total, rel=1e-9, abs=1e-9)
    assert (found.frames, found.set_aside, set_aside) == (n_frames, 0, {})
    assert_same_sums(found, mixtures, counts)


@pytest.mark.parametrize("at_once", [1, 2000, 1 << 22])
def test_those_of_parts_add_up(at_once, monkeypatch):
    """Also where memory allows only a few utterances at a time."""
    monkeypatch.setattr("minidl.speech.phones.alignment._AT_ONCE", at_once)
    model, material = some_model(2.0), speech(9)
    whole, _ = accumulate_all_paths(model, material)
    names = list(material.features)
    parts = [accumulate_all_paths(model, some_of(material, p))[0] for p in (names[:2], names[2:3], names[3:])]
    together = parts[0] + parts[1] + parts[2]
    assert together.log_likelihood == pytest.approx(whole.log_likelihood, rel=1e-9)
    assert together.frames == whole.frames == sum(map(len, material.features.values()))
    assert_same_sums(together, whole.mixtures, whole.transitions)
    assert whole.mixtures.occupancy.sum() == pytest.approx(whole.frames, rel=1e-9)


def test_a_certain_path_is_as_its_alignment():
    """Where densities lie far apart nearly all weight is on the best path."""
    model, material = some_model(30.0), speech(8, spread=30.0)
    whole, _ = accumulate_all_paths(model, material)
    aligned = align(model, material.features, material.transcripts, LEXICON)
    assert whole.log_likelihood == pytest.approx(sum(a.log_likelihood for a in aligned.alignments.values()), rel=1e-3)
    phones = np.concatenate([a.phones for a in aligned.alignments.values()])
    for phone, n_states in enumerate(t.n_states for t in PHONES.topologies):
        first = sum(t.n_states for t in PHONES.topologies[:phone])
        found = whole.mixtures.occupancy[first : first + n_states].sum()
        assert found == pytest.approx((phones == phone).sum(), abs=0.5)


def speech(n, seed=1, spread=3.0):
    features, transcripts, _ = some_speech(some_model(spread), n, seed)
    return Material(features, transcripts, LEXICON)


def some_of(material, names, **changes):
    own = {n: material.features[n] for n in names}, {n: material.transcripts[n] for n in names}
    return replace(material, features=own[0], transcripts=own[1], **changes)


@pytest.mark.parametrize("spread", [0.5, 3.0])
def test_the_likelihood_never_falls(spread):
    """But for rounding: floors of transitions and variances, and states with few frames or arcs, which stay as they are,
    are bounds that the model before keeps too, and each update is the most likely one within them."""
    model, told = some_model(spread), []
    off = replace(model, emission=Mixtures(replace_means(model, 0.4), min_occupancy=3.0))
    assert min(row[row > 0].min() for t in PHONES.topologies for row in (t.transitions, t.final)) >= 0.01
    last, passes = train_all_paths(off, speech(25, spread=spread), 12, told.append)
    assert told == passes and [p.iteration for p in told] == list(range(1, 13))
    history = np.array([p.log_likelihood for p in passes])
    assert np.diff(history).min() >= -1e-9 * abs(history).max()
    assert history[-1] > history[0] + 0.01
    assert {(p.gaussians, p.set_aside, p.realigned) for p in passes} == {(9, 0, True)}
    statistics, _ = accumulate_all_paths(last, speech(25, spread=spread))
    assert statistics.log_likelihood / statistics.frames >= history[-1]


def replace_means(model, by):
    m = model.emission.model
    return GMM(m.weights, m.means + by * np.random.default_rng(0).standard_normal(m.means.shape), m.covariances, [1] * 9)


def agreement(aligned, truth):
    return float(np.mean(np.concatenate([a.phones == truth[n].phones for n, a in aligned.alignments.items()])))


def test_phones_are_found_from_a_flat_start():
    """Also where an even first alignment leads astray: B is never said but after A or alone between pauses."""
    features, transcripts, truth = some_speech(some_model(4.0), 40, 3)
    schedule = Schedule(iterations=3, realign_at=frozenset({2, 3}), gaussians=9, split_until=0, all_paths=12)
    trained = train_monophones(Material(features, transcripts, LEXICON), PHONES, schedule, rng=0)
    assert agreement(trained.aligned, truth) > 0.93
    assert [p.iteration for p in trained.passes] == [*range(1, 13), 1, 2, 3]
    starts = [(a.units[1:] != a.units[:-1]).nonzero()[0] for a in trained.aligned.alignments.values()]
    true = [(truth[n].units[1:] != truth[n].units[:-1]).nonzero()[0] for n in trained.aligned.alignments]
    close = [abs(own[:, None] - there).min(1) <= 1 for own, there in zip(true, starts, strict=True) if there.size]
    assert np.concatenate(close).mean() > 0.9


def test_training_begins_where_it_is_told_to():
    """From another's alignments, whose features may be others, neither evenly nor by all paths."""
    features, transcripts, truth = some_speech(some_model(3.0), 30, 1)
    material = Material({n: np.c_[f, f[:, :1]] for n, f in features.items()}, transcripts, LEXICON)
    schedule = Schedule(iterations=2, realign_at=frozenset(), gaussians=9, split_until=0, all_paths=5)
    trained = train_monophones(material, PHONES, schedule, aligned=Aligned(truth), rng=0)
    assert len(trained.passes) == 2 and agreement(trained.aligned, truth) == 1
    pdfs = np.concatenate([a.phones * 2 + a.states + (a.phones > 0) for a in truth.values()])
    frames = np.concatenate(list(material.features.values()))
    for pdf, mean in enumerate(trained.model.emission.model.means):
        np.testing.assert_allclose(mean, frames[pdfs == pdf].mean(0), rtol=1e-9)
    assert trained.model.emission.min_occupancy == Mixtures(some_model(1.0).emission.model).min_occupancy


def test_what_cannot_be_said_is_set_aside_and_named():
    model, material = some_model(3.0), speech(6)
    features = material.features | {"short": np.zeros((3, 2)), "mute": np.zeros((0, 2)), "odd": np.zeros((9, 2)),
                                    "empty": np.zeros((9, 2))}  # fmt: skip
    words = material.transcripts | {"short": ["ab"], "mute": ["b"], "odd": ["zz"], "empty": []}
    found, set_aside = accumulate_all_paths(model, Material(features, words, LEXICON))
    assert set_aside == {
        "short": "no path of its words has its 3 frames",
        "mute": "it has no frames",
        "odd": "lexicon: the word 'zz' is not among its 4; add it, with its phones",
        "empty": "its transcript is empty",
    }
    assert found.set_aside == 4
    alone, _ = accumulate_all_paths(model, material)
    assert (found.frames, found.log_likelihood) == (alone.frames, pytest.approx(alone.log_likelihood, rel=1e-9))
    assert_same_sums(found, alone.mixtures, alone.transitions)
    told = train_all_paths(model, Material(features, words, LEXICON), 1)[1]
    assert told[0].set_aside == 4
    with pytest.raises(TrainingError, match="none of the utterances can be aligned; short: no path of its words"):
        train_all_paths(model, Material({"short": np.zeros((3, 2))}, {"short": ["ab"]}, LEXICON), 2)
    with pytest.raises(TrainingError, match="there are none"):
        train_all_paths(model, Material({}, {}, LEXICON), 2)


def test_two_train_as_one():
    """Also where one of them has nothing that can be used."""
    material, schedule = speech(18), Schedule(3, frozenset({2}), 12, 2, all_paths=4)
    names = list(material.features)

    def train(part, together):
        return train_monophones(replace(part, together=together), PHONES, schedule, rng=0)

    truth = train_monophones(material, PHONES, schedule, rng=0)
    for parts in ((names[:5], names[5:]), (names, [])):
        both = in_threads([lambda together, own=own: train(some_of(material, own), together) for own in parts])
        for found in both:
            for name in ("weights", "means", "covariances"):
                own, other = (getattr(trained.model.emission.model, name) for trained in (found, truth))
                np.testing.assert_allclose(own, other, rtol=1e-8, atol=1e-8)
            for a, b in zip(found.model.phones.topologies, truth.model.phones.topologies, strict=True):
                np.testing.assert_allclose(a.transitions, b.transitions, rtol=1e-8, atol=1e-8)
            for p, q in zip(found.passes, truth.passes, strict=True):
                assert (p.frames, p.gaussians) == (q.frames, q.gaussians)
                assert p.log_likelihood == pytest.approx(q.log_likelihood, rel=1e-9)


def test_what_is_refused():
    with pytest.raises(ArgumentError, match="needs Mixtures, not GivenScores"):
        train_all_paths(AcousticModel(PHONES, some_model(1.0).tying, GivenScores(9)), speech(1), 1)
    with pytest.raises(ArgumentError, match="all_paths >= 0"):
        Schedule(all_paths=-1)
    material = speech(2)
    bad = replace(material, features=material.features | {"u01": np.full((20, 2), np.nan)})
    with pytest.raises(DataError, match="u01: feature 0 of frame 0 is nan"):
        train_all_paths(some_model(3.0), bad, 1)
    aligned = align(some_model(3.0), material.features, material.transcripts, LEXICON)
    other = replace(material, features={name: f[1:] for name, f in material.features.items()})
    with pytest.raises(DataError, match="is aligned at"):
        train_monophones(other, PHONES, Schedule(1, frozenset(), 9, 0), aligned=aligned)
    assert train_passes(some_model(3.0), aligned, material, Schedule(1, frozenset(), 9, 0)).passes[0].frames > 0
