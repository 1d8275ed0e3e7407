"""Decision trees find the classes that data were made from; their likelihoods and gains are those of the definition."""

import numpy as np
import pytest
from scipy.stats import norm
from speech.phone_cases import PHONES, some_model, some_speech

from minidl.errors import ArgumentError, DataError
from minidl.speech.hmm import left_to_right
from minidl.speech.phones import PhoneSet
from minidl.speech.phones.contexts import ContextStatistics, accumulate_contexts
from minidl.speech.phones.tree import grow, log_likelihood, questions_from

NAMES = ("SIL", "A", "B", "C", "X", "Y", "Z")
LETTERS = PhoneSet(NAMES, [left_to_right(2)] * 7, "SIL")
CLASSES = ({1, 2, 3}, {4, 5, 6})
CLOSE = {"rtol": 1e-9, "atol": 1e-9}


def spoken(effect, n=30, phones=LETTERS, d=2, seed=0):
    """Frames by (phone, state, left, right), of every one, with means of the phone's class and `effect`."""
    rng, frames = np.random.default_rng(seed), {}
    for phone in range(len(phones)):
        for state in range(2):
            for left in range(len(phones)) if phone else (0,):
                for right in range(len(phones)) if phone else (0,):
                    mean = 20.0 * (phone in CLASSES[1]) + 0.3 * phone + effect(phone, state, left, right)
                    frames[phone, state, left, right] = mean + rng.standard_normal((n, d))
    return frames


def statistics_of(frames):
    keys = np.array(sorted(frames))
    data = [frames[tuple(key)] for key in keys.tolist()]
    counts = np.array([float(len(x)) for x in data])
    return ContextStatistics(keys, counts, np.stack([x.sum(0) for x in data]), np.stack([(x * x).sum(0) for x in data]))


def fitted(x):
    """The log-likelihood of frames under the Gaussian fitted to them, whose variances are 0.01 at least."""
    return norm.logpdf(x, x.mean(0), np.sqrt(np.maximum(x.var(0), 0.01))).sum()


def of_leaf(leaf, statistics, frames):
    return np.concatenate([frames[tuple(key)] for key in statistics.keys[leaf.rows].tolist()])


def test_the_classes_that_the_data_were_made_from_are_found():
    """State 0 of A hears whether its left is of the second class, state 1 of Y whether its right is."""

    def effect(phone, state, left, right):
        heard = {(1, 0): left, (5, 1): right}.get((phone, state))
        return 5.0 * (heard in CLASSES[1])

    tying, leaves = grow(statistics_of(spoken(effect)), LETTERS, 16)
    assert tying.n_pdfs == len(leaves) == 16
    split = [leaf for leaf in leaves if leaf.questions]
    every, second = [0, 1, 2, 3, 4, 5, 6], [4, 5, 6]
    found = [(leaf.phone, leaf.state, np.flatnonzero(leaf.lefts).tolist(), np.flatnonzero(leaf.rights).tolist())
             for leaf in split]  # fmt: skip
    assert sorted(found) == [
        (1, 0, [0, 1, 2, 3], every),
        (1, 0, second, every),
        (5, 1, every, [0, 1, 2, 3]),
        (5, 1, every, second),
    ]
    said = {question for leaf in split for question in leaf.questions}
    assert said & {"left in {X Y Z}", "left not in {X Y Z}", "left in {SIL A B C}", "left not in {SIL A B C}"}
    table = tying.tables[1][0]
    assert len({*table[4:].ravel().tolist()}) == 1 == len({*table[:4].ravel().tolist()})
    assert table[4, 0] != table[0, 0]


def noisy(phone, state, left, right):
    return 2.0 * np.sin(phone + 3 * state + left * 1.7 * (state == 0) + right * 2.3)


@pytest.mark.parametrize("n_leaves", [1, 14, 15, 30, 1000])
def test_every_context_has_one_leaf_and_each_leaf_enough_frames(n_leaves):
    frames = spoken(noisy, n=10)
    statistics = statistics_of(frames)
    tying, leaves = grow(statistics, LETTERS, n_leaves, min_count=100.0)
    assert len(leaves) == tying.n_pdfs <= max(n_leaves, 14)
    assert len(leaves) == max(n_leaves, 14) or n_leaves == 1000
    for phone in range(7):
        for left in range(7):
            for right in range(7):
                for state, pdf in enumerate(tying.pdfs(left, phone, right)):
                    there = [
                        i for i, leaf in enumerate(leaves)
                        if (leaf.phone, leaf.state) == (phone, state) and leaf.lefts[left] and leaf.rights[right]
                    ]  # fmt: skip
                    assert there == [pdf]
    rows = np.sort(np.concatenate([leaf.rows for leaf in leaves]))
    np.testing.assert_array_equal(rows, np.arange(len(statistics.keys)))
    for i, leaf in enumerate(leaves):
        assert {tying.pdfs(left, p, right)[s] for p, s, left, right in statistics.keys[leaf.rows].tolist()} == {i}
        assert not leaf.questions or statistics.counts[leaf.rows].sum() >= 100
        assert leaf.phone != 0 or not leaf.questions


def test_silence_is_never_split():
    """Though it would gain most, were it asked."""
    frames = spoken(lambda *context: 0.0, n=20)
    frames |= {(0, s, left, 0): 50.0 * left + np.random.default_rng(left).standard_normal((20, 2))
               for s in (0, 1) for left in range(7)}  # fmt: skip
    _, leaves = grow(statistics_of(frames), LETTERS, 50, min_count=1.0)
    assert len(leaves) == 50
    assert sum(leaf.phone == 0 for leaf in leaves) == 2


def test_the_first_split_is_the_best_of_all_and_gains_what_it_says():
    frames = spoken(noisy, n=5)
    statistics = statistics_of(frames)
    questions, (_, roots), (_, leaves) = (
        questions_from(statistics, LETTERS),
        *(grow(statistics, LETTERS, n, 60.0) for n in (14, 15)),
    )
    before, after = (sum(fitted(of_leaf(leaf, statistics, frames)) for leaf in some) for some in (roots, leaves))
    gains = []
    for root in roots[2:]:
        keys = statistics.keys[root.rows]
        whole = fitted(of_leaf(root, statistics, frames))
        for question in questions:
            for side in (2, 3):
                halves = [
                    [frames[tuple(k)] for k in keys.tolist() if question[k[side]] == answer] for answer in (True, False)
                ]
                if min(sum(map(len, half)) for half in halves) >= 60:
                    gains.append(sum(fitted(np.concatenate(half)) for half in halves) - whole)
    assert after - before == pytest.approx(max(gains), rel=1e-9)
    assert len(grow(statistics, LETTERS, 100, 60.0, min_gain=max(gains) + 1e-3)[1]) == 14  # gains are rounded to 1e-4
    assert len(grow(statistics, LETTERS, 15, 60.0, min_gain=max(gains) - 1e-3)[1]) == 15


@pytest.mark.parametrize("spread", [0.01, 1.0, 30.0])
def test_log_likelihoods_are_those_of_the_fitted_gaussian(spread):
    """Also where the variance is floored, as at the smallest spread."""
    rng = np.random.default_rng(1)
    parts = [rng.standard_normal((n, 3)) * spread + 2 for n in (1, 2, 50)]
    sums = np.stack([np.concatenate([[len(x)], x.sum(0), (x * x).sum(0)]) for x in parts])
    np.testing.assert_allclose(log_likelihood(sums), [fitted(x) for x in parts], rtol=1e-8, atol=1e-8)
    assert log_likelihood(np.zeros(7)) == 0


def test_frames_need_not_be_split_to_a_leaf_of_none():
    frames = spoken(lambda *context: 0.0, n=1)
    frames = {key: np.full_like(x, 10.1 + 1e-9 * key[0]) for key, x in frames.items() if key[2] < 3}  # gains are rounding
    statistics = statistics_of(frames)
    _, leaves = grow(statistics, LETTERS, 10**6, min_count=0.0)
    assert min(len(leaf.rows) for leaf in leaves) > 0


def test_states_that_were_never_seen_have_a_leaf():
    statistics = statistics_of({key: x for key, x in spoken(noisy).items() if key[0] != 3})
    tying, leaves = grow(statistics, LETTERS, 20)
    assert len(leaves) == tying.n_pdfs == 20
    assert [len(leaf.rows) for leaf in leaves if leaf.phone == 3] == [0, 0]


def test_questions_are_each_phone_alone_and_the_clusters_that_lose_least():
    """Six phones in two classes far apart: what is joined first lies closest, and the classes are among the questions."""
    frames = spoken(lambda *context: 0.0)
    questions = questions_from(statistics_of(frames), LETTERS)
    sets = [frozenset(np.flatnonzero(q).tolist()) for q in questions]
    assert sets[:7] == [frozenset({p}) for p in range(7)]
    assert len(sets) == 7 + 5 == len(set(sets))
    assert frozenset(CLASSES[1]) in sets
    middles = {
        p: np.concatenate([x for (phone, state, *_), x in frames.items() if (phone, state) == (p, 1)]) for p in range(7)
    }

    def loss(a, b):
        return fitted(middles[a]) + fitted(middles[b]) - fitted(np.concatenate([middles[a], middles[b]]))

    assert sets[7] == min((frozenset({a, b}) for a in range(7) for b in range(a)), key=lambda pair: loss(*sorted(pair)))


def test_contexts_are_summed_frame_by_frame():
    features, _, truth = some_speech(some_model(2.0), 12)
    found = accumulate_contexts(truth, features, PHONES)
    frames = {}
    for name, a in truth.items():
        firsts = np.flatnonzero(np.diff(a.units, prepend=-1))
        between = [0, *a.phones[firsts].tolist(), 0]
        for x, phone, state, unit in zip(
            features[name], a.phones.tolist(), a.states.tolist(), a.units.tolist(), strict=True
        ):
            sides = (between[unit], between[unit + 2]) if phone else (0, 0)
            frames.setdefault((phone, state, *sides), []).append(x)
    expected = statistics_of({key: np.array(x) for key, x in frames.items()})
    for name in ("keys", "counts", "first", "second"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), **CLOSE)


def test_sums_of_parts_are_those_of_all():
    features, _, truth = some_speech(some_model(2.0), 12)
    names = list(truth)
    parts = [
        accumulate_contexts({n: truth[n] for n in some}, features, PHONES) for some in (names[:1], names[1:9], names[9:], [])
    ]
    total = parts[0] + parts[1] + parts[2] + parts[3]
    whole = accumulate_contexts(truth, features, PHONES)
    for name in ("keys", "counts", "first", "second"):
        np.testing.assert_allclose(getattr(total, name), getattr(whole, name), **CLOSE)
    assert parts[3].keys.shape == (0, 4)
    assert parts[3].first.shape == (0, 2)


def test_what_does_not_fit_is_refused():
    features, _, truth = some_speech(some_model(2.0), 2)
    with pytest.raises(DataError, match="utterance u01 is aligned at"):
        accumulate_contexts(truth, features | {"u01": features["u01"][1:]}, PHONES)
    with pytest.raises(ArgumentError, match="n_leaves must be at least 1, got 0"):
        grow(accumulate_contexts(truth, features, PHONES), PHONES, 0)
