"""Katz's model: a table by hand, always summing to one, and a plain word where counts do not allow its discounts."""

import math
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidl import language
from minidl.errors import ArgumentError, DataError
from minidl.language.ngram.katz import good_turing

# Pairs by count. 3: <s> a. 2: a </s>, b </s>. 1: a a, a <unk>, a b, <unk> a, <s> b. So n1 = 5, n2 = 2, n3 = 1.
# With k = 2, (k + 1) n3 / n1 = 3/5, and of a count of 1 (2 n2 / n1 - 3/5) / (1 - 3/5) = 1/2 is kept; of a count of 2,
# (3 n3 / (2 n2) - 3/5) / (1 - 3/5) = 3/8; of 3, all.
# Words alone, of 12: a 5, </s> 4, b 2, <unk> 1; as none was not seen, these shares are their probabilities.
SENTENCES = [["a", "a", "<unk>", "a"], ["a"], ["a", "b"], ["b"]]
WORDS = ["<unk>", "</s>", "a", "b"]
TABLE = {
    # a 3/4, b (1/2)/4; 1/8 is left for <unk> and </s>, which alone have 1/12 and 4/12: times 3/10
    "<s>": [0.1 / 4, 0.1, 3 / 4, 1 / 8],
    # </s> (2 * 3/8)/5, the others (1/2)/5, so 9/20 in all; nobody is left for the rest: all is divided by 9/20
    "a": [2 / 9, 3 / 9, 2 / 9, 2 / 9],
    # </s> (2 * 3/8)/2; 5/8 is left for <unk>, a, b, which alone have 8/12: times 15/16
    "b": [15 / 192, 3 / 8, 75 / 192, 30 / 192],
    # a (1/2)/1; 1/2 is left for <unk>, </s>, b, which alone have 7/12: times 6/7
    "<unk>": [1 / 14, 4 / 14, 1 / 2, 2 / 14],
}


def trained(sentences, order, **options):
    vocabulary = language.Vocabulary.from_sentences(sentences)
    counts = language.count(vocabulary.encode_sentences(sentences), len(vocabulary), order)
    return language.katz(counts, vocabulary, **options)


def following(model, context):
    """Probabilities of WORDS."""
    probs = np.exp(model.log_prob(model.vocabulary.encode(context)[None])[0])
    return probs[model.vocabulary.encode(WORDS)]


@pytest.mark.parametrize("context", TABLE)
def test_a_table_by_hand(context):
    assert sum(TABLE[context]) == pytest.approx(1, abs=1e-12)
    model = trained(SENTENCES, 2, k=2)
    np.testing.assert_allclose(following(model, [context]), TABLE[context], rtol=1e-6, atol=0)


def plain_katz(sentences, order, size):
    """Katz's recursion on dictionaries of tuples, with a half taken from each count."""
    grams = Counter()
    for sentence in sentences:
        words = ["<s>", *sentence, "</s>"]
        grams.update(tuple(words[i : i + k]) for k in range(1, order + 1) for i in range(len(words) - k + 1))
    del grams["<s>",]

    def prob(word, context):
        seen = {g[-1]: n for g, n in grams.items() if g[:-1] == context}
        total = sum(seen.values())
        own = {w: (n - 0.5) / total for w, n in seen.items()}
        if word in own:
            return own[word]
        if not context:
            return (1 - sum(own.values())) / (size - len(own))
        left_below = 1 - sum(prob(w, context[1:]) for w in own)
        return (1 - sum(own.values())) * prob(word, context[1:]) / left_below

    return prob


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_equal_to_the_plain_recursion(order):
    """k is so high that no order has its discounts."""
    sentences = [line.split() for line in ("a b a c", "a b", "c a b", "b", "a b a", "d a a", "c")]
    model = trained(sentences, order, k=20, fallback=0.5)
    prob = plain_katz(sentences, order, len(model.vocabulary) - 1)
    for context in (("<s>", "a", "b"), ("b", "a", "a"), ("a", "b", "a"), ("d", "d", "a"), ("<unk>", "d", "c")):
        context = context[len(context) - order + 1 :]
        expected = [prob(word, context) for word in WORDS]
        np.testing.assert_allclose(following(model, list(context)), expected, rtol=1e-5, atol=0)


def test_single_words_that_the_text_does_not_have():
    """Of 12: </s> 3, p and q 2, five words once. They keep what they keep above; 5/12 is left, as many as were seen once."""
    model = trained([["v", "w", "x"], ["y", "z", "p"], ["p", "q", "q"]], 1, k=2)
    probs = np.exp(model.log_probs[0])
    found = {word: probs[model.vocabulary.number(word)] * 12 for word in ("<unk>", "</s>", "p", "v")}
    assert found == pytest.approx({"<unk>": 5, "</s>": 3, "p": 2 * 3 / 8, "v": 1 / 2}, rel=1e-6)


def test_words_that_were_not_seen_share_evenly():
    """As above, with another word in the vocabulary: it and <unk> have half of 5/12 each."""
    sentences = [["v", "w", "x"], ["y", "z", "p"], ["p", "q", "q"]]
    vocabulary = language.Vocabulary([*"pqvwxyz", "other"])
    counts = language.count(vocabulary.encode_sentences(sentences), len(vocabulary), 1)
    probs = np.exp(language.katz(counts, vocabulary, k=2).log_probs[0])
    found = [probs[vocabulary.number(word)] * 12 for word in ("<unk>", "other", "p")]
    np.testing.assert_allclose(found, [2.5, 2.5, 0.75], rtol=1e-6, atol=0)


def test_a_context_that_would_leave_nothing_was_seen_once_more():
    """After c always d, four times: that takes 4/5."""
    model = trained([*SENTENCES, *[["c", "d"]] * 4], 2, k=2)
    c, d = model.vocabulary.encode(["c", "d"])
    assert math.exp(model.log_prob(np.array([[c]]))[0, d]) == pytest.approx(4 / 5, rel=1e-6)


def test_pruned_ngrams_give_all_that_they_had():
    """After <s>, b is left out: a keeps 3/4, and 1/4 is for the others, which alone have 7/12."""
    model = trained(SENTENCES, 2, k=2, prune=(0, 1))
    expected = [1 / 12 * 3 / 7, 4 / 12 * 3 / 7, 3 / 4, 2 / 12 * 3 / 7]
    np.testing.assert_allclose(following(model, ["<s>"]), expected, rtol=1e-6, atol=0)


def test_what_is_pruned_is_left_even_if_all_counts_are_high():
    """After c, e five times and d four, which is left out: e keeps 5/9, not 5/10."""
    model = trained([*SENTENCES, *[["c", "d"]] * 4, *[["c", "e"]] * 5], 2, k=2, prune=(0, 4))
    c, e = model.vocabulary.encode(["c", "e"])
    assert math.exp(model.log_prob(np.array([[c]]))[0, e]) == pytest.approx(5 / 9, rel=1e-6)


@given(st.lists(st.integers(1, 1000), min_size=4, max_size=8))
def test_good_turing_ratios_are_katz_s(n):
    """In exact fractions: d_r = (r*/r - t) / (1 - t), t = (k + 1) n_{k+1} / n_1; and what is given up is n1 in all."""
    k = len(n) - 2
    t = Fraction((k + 1) * n[k], n[0])
    found = good_turing(np.array([0, *n]), k)
    if t >= 1:
        assert found is None
        return
    kept = [(Fraction((r + 1) * n[r], r * n[r - 1]) - t) / (1 - t) for r in range(1, k + 1)]
    if not all(0 < d <= 1 for d in kept):
        assert found is None
        return
    np.testing.assert_allclose(found, [1, *map(float, kept)], rtol=1e-9, atol=1e-9)
    assert sum(n[r - 1] * r * (1 - d) for r, d in enumerate(kept, 1)) == n[0]


texts = st.lists(st.lists(st.sampled_from("abcdefg"), max_size=6), min_size=1, max_size=30)


@given(
    texts,
    st.integers(1, 4),
    st.integers(2, 6),
    st.sampled_from([(), (0, 0, 1), (0, 1), (0, 2, 3)]),
    st.sampled_from([0.5, 0.9, "lower-k"]),
)
def test_probabilities_sum_to_one_and_scores_are_theirs(sentences, order, k, prune, fallback):
    sentences = [*sentences, ["a", "b", "c", "a"]]
    try:
        model = trained(sentences, order, k=k, prune=prune[:order], fallback=fallback)
    except DataError:
        assert fallback == "lower-k"  # a discount that is given always works
        return
    ids = model.vocabulary.encode_sentences([*sentences, ["z", "a"], ["g", "a", "b"]])
    log_probs = np.concatenate(list(model.distributions(ids))).astype(np.float64)
    np.testing.assert_allclose(np.exp(log_probs).sum(1), 1, rtol=0, atol=1e-6)
    tokens = ids[ids != 1]
    np.testing.assert_allclose(
        log_probs[np.arange(len(tokens)), tokens], model.score_tokens(ids)[ids != 1], rtol=1e-5, atol=1e-5
    )


def test_fallbacks():
    """With k = 3 there is no n4; a lower k is that of the hand-made table, a discount is taken from all counts."""
    lower = trained(SENTENCES, 2, k=3, fallback="lower-k")
    np.testing.assert_allclose(following(lower, ["b"]), TABLE["b"], rtol=1e-6, atol=0)
    fixed = trained(SENTENCES, 2, k=3, fallback=0.5)
    np.testing.assert_allclose(following(fixed, ["b"]), [0.25 / 8, 3 / 4, 0.25 * 5 / 8, 0.25 * 2 / 8], rtol=1e-6, atol=0)


@pytest.mark.parametrize(
    "options, error, says",
    [
        ({"k": 3}, DataError, r"order 2: n1 = 5, n2 = 2, n3 = 1, n4 = 0 .*count of 1 to 4.*lower-k.*fallback=0.5"),
        ({"k": 2, "sentences": [["a", "b"]], "fallback": "lower-k"}, DataError, r"order 1: n1 = 3, n2 = 0, n3 = 0"),
        ({"k": 1}, ArgumentError, "k must be at least 2, got 1"),
        ({"fallback": "higher"}, ArgumentError, "'lower-k' or a discount"),
        ({"fallback": 1.0}, ArgumentError, "between 0 and 1"),
        ({"k": 2, "prune": (1,)}, ArgumentError, "begin with 0"),
    ],
)
def test_what_is_refused(options, error, says):
    options = dict(options)
    with pytest.raises(error, match=says) as caught:
        trained(options.pop("sentences", SENTENCES), 2, **options)
    assert "\n" not in str(caught.value)


def test_a_lower_k_that_does_not_help_is_not_advised():
    with pytest.raises(DataError) as caught:
        trained([["a", "b"]], 2, k=2, fallback="lower-k")
    assert "lower-k" not in str(caught.value)
