"""Smoothings by hand: whole tables of additive, Witten-Bell, absolute and Kneser-Ney models of a text of five words."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidl import language
from minidl.errors import ArgumentError
from minidl.language.ngram.kneser_ney import FALLBACK

# The text: "a b a" and "a b". Words that may be next: <unk>, </s>, a, b. Alone: a 3, b 2, </s> 2, of 7.
# After <s>: a 2, of 2. After a: b 2, </s> 1, of 3. After b: a 1, </s> 1, of 2.
SENTENCES = [["a", "b", "a"], ["a", "b"]]
WORDS = ["<unk>", "</s>", "a", "b"]
TABLES = {
    # (c + 1/2) / (N + 4/2); after what was never seen, a quarter each
    "additive": (
        language.additive,
        {"alpha": 0.5},
        {
            "<s>": [0.5 / 4, 0.5 / 4, 2.5 / 4, 0.5 / 4],
            "a": [0.5 / 5, 1.5 / 5, 0.5 / 5, 2.5 / 5],
            "b": [0.5 / 4, 1.5 / 4, 1.5 / 4, 0.5 / 4],
            "<unk>": [1 / 4, 1 / 4, 1 / 4, 1 / 4],
        },
    ),
    # alone: (c + 3/4) / (7 + 3), 3 different ones: 0.075, 0.275, 0.375, 0.275 = q; after h: (c + T q) / (N + T), with
    # T different ones: 1 after <s>, 2 after a and after b
    "witten-bell": (
        language.witten_bell,
        {},
        {
            "<s>": [0.075 / 3, 0.275 / 3, 2.375 / 3, 0.275 / 3],
            "a": [0.15 / 5, 1.55 / 5, 0.75 / 5, 2.55 / 5],
            "b": [0.15 / 4, 1.55 / 4, 1.75 / 4, 0.55 / 4],
            "<unk>": [0.075, 0.275, 0.375, 0.275],
        },
    ),
    # alone, each of 3 gives up 1/2: (c - 1/2 + 1.5/4) / 7, so 0.375, 1.875, 2.875, 1.875 in 7ths = q;
    # after h: (c - 1/2 + T q / 2) / N
    "absolute": (
        language.absolute,
        {"discount": 0.5},
        {
            "<s>": [0.1875 / 14, 0.9375 / 14, (10.5 + 1.4375) / 14, 0.9375 / 14],
            "a": [0.375 / 21, (3.5 + 1.875) / 21, 2.875 / 21, (10.5 + 1.875) / 21],
            "b": [0.375 / 14, (3.5 + 1.875) / 14, (3.5 + 2.875) / 14, 1.875 / 14],
            "<unk>": [0.375 / 7, 1.875 / 7, 2.875 / 7, 1.875 / 7],
        },
    ),
    # 1/2, 1, 3/2 are given up of 1, 2, more. Alone, different words to the left count: a 2, b 1, </s> 2, of 5, which
    # give up 1, 1/2, 1, half of all: 0.125, 0.325, 0.325, 0.225 = q. After h half is given up each time, too:
    # (c - D) / N + q / 2
    "kneser-ney": (
        language.kneser_ney,
        {"fallback": FALLBACK},
        {
            "<s>": [0.0625, 0.1625, 0.5 + 0.1625, 0.1125],
            "a": [0.0625, 0.5 / 3 + 0.1625, 0.1625, 1 / 3 + 0.1125],
            "b": [0.0625, 0.25 + 0.1625, 0.25 + 0.1625, 0.1125],
            "<unk>": [0.125, 0.325, 0.325, 0.225],
        },
    ),
}


def trained(sentences, order, how, **options):
    vocabulary = language.Vocabulary.from_sentences(sentences)
    counts = language.count(vocabulary.encode_sentences(sentences), len(vocabulary), order)
    return how(counts, vocabulary, **options)


@pytest.mark.parametrize("name", TABLES)
def test_tables_by_hand(name):
    how, options, table = TABLES[name]
    model = trained(SENTENCES, 2, how, **options)
    for context, expected in table.items():
        assert sum(expected) == pytest.approx(1, abs=1e-12)
        probs = np.exp(model.log_prob(model.vocabulary.encode([context])[None])[0])
        np.testing.assert_allclose(probs[model.vocabulary.encode(WORDS)], expected, rtol=1e-6, atol=0)


def ngram_counts(sentences, order):
    """{words: how often}, of all orders; a sentence's start is in longer ones alone, as it is never next."""
    found = Counter()
    for sentence in sentences:
        words = ["<s>", *sentence, "</s>"]
        found.update(tuple(words[i : i + k]) for k in range(1, order + 1) for i in range(len(words) - k + 1))
    del found["<s>",]
    return found


def plain_witten_bell(found, word, context, size):
    followers = [n for ngram, n in found.items() if ngram[:-1] == context]
    shorter = plain_witten_bell(found, word, context[1:], size) if context else 1 / size
    total = sum(followers) + len(followers)
    return (found[*context, word] + len(followers) * shorter) / total if total else shorter


def plain_additive(found, word, context, size):
    return (found[*context, word] + 1) / (sum(n for ngram, n in found.items() if ngram[:-1] == context) + size)


@pytest.mark.parametrize(
    "how, plain", [(language.witten_bell, plain_witten_bell), (language.additive, plain_additive)], ids=["wb", "add"]
)
@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_equal_to_the_plain_formula(how, plain, order):
    """Of dictionaries of words."""
    sentences = [line.split() for line in ("a b a c", "a b", "c a b", "b", "a b a", "d a a", "c")]
    model, found = trained(sentences, order, how), ngram_counts(sentences, order)
    size = len(model.vocabulary) - 1
    for context in (("<s>", "a", "b"), ("b", "a", "a"), ("a", "b", "a"), ("d", "d", "a"), ("<unk>", "d", "c")):
        context = context[len(context) - order + 1 :]
        probs = np.exp(model.log_prob(model.vocabulary.encode(context)[None])[0])
        for word in ("<unk>", "</s>", "a", "b", "c", "d"):
            expected = plain(found, word, context, size)
            assert probs[model.vocabulary.number(word)] == pytest.approx(expected, rel=1e-5)


texts = st.lists(st.lists(st.sampled_from("abcdefg"), max_size=6), min_size=1, max_size=30)


@given(texts, st.integers(1, 4), st.floats(1e-3, 10), st.sampled_from([(), (0, 0, 1), (0, 1), (0, 2, 3)]))
def test_additive_probabilities_sum_to_one(sentences, order, alpha, prune):
    sentences = [*sentences, ["a", "b", "c", "a"]]
    model = trained(sentences, order, language.additive, alpha=alpha, prune=prune[:order])
    ids = model.vocabulary.encode_sentences([*sentences, ["z", "a"], ["g", "a", "b"]])
    probs = np.exp(np.concatenate(list(model.distributions(ids))).astype(np.float64))
    np.testing.assert_allclose(probs.sum(1), 1, rtol=0, atol=1e-6)
    np.testing.assert_allclose(
        np.log(probs[np.arange(len(probs)), ids[ids != 1]]), model.score_tokens(ids)[ids != 1], atol=1e-5
    )


SMOOTHINGS = {
    "kneser-ney": (language.kneser_ney, {"fallback": FALLBACK}),
    "sri-unigrams": (language.kneser_ney, {"fallback": FALLBACK, "interpolate_unigrams": False}),
    "katz": (language.katz, {"fallback": 0.4}),
    "witten-bell": (language.witten_bell, {}),
    "absolute": (language.absolute, {"discount": 0.6}),
    "all is given up": (language.absolute, {"discount": 1}),
    "additive": (language.additive, {}),
}


@pytest.mark.parametrize("how", SMOOTHINGS)
@given(texts, st.integers(1, 4), st.sampled_from([(), (0, 0, 1), (0, 1)]), st.integers(0, 2**32 - 1))
def test_probabilities_sum_to_one_after_whatever_words(how, sentences, order, prune, seed):
    """Also after such as no text has: a start or an end in the middle, more words than the model looks back."""
    sentences = [*sentences, ["a", "b", "c", "a"]]
    model = trained(sentences, order, SMOOTHINGS[how][0], prune=prune[:order], **SMOOTHINGS[how][1])
    contexts = np.random.default_rng(seed).integers(0, len(model.vocabulary), (60, order))
    probs = np.exp(model.log_prob(contexts).astype(np.float64))
    assert (probs[:, 1] == 0).all() and (probs >= 0).all()
    np.testing.assert_allclose(probs.sum(1), 1, rtol=0, atol=1e-6)


@pytest.mark.parametrize("discount", [0, -0.1, 1.1, float("nan")])
def test_a_discount_that_is_none(discount):
    with pytest.raises(ArgumentError, match="above 0"):
        trained(SENTENCES, 2, language.absolute, discount=discount)


@pytest.mark.parametrize("alpha", [0, -1, float("nan"), float("inf")])
def test_an_alpha_that_is_no_count(alpha):
    with pytest.raises(ArgumentError, match="above 0"):
        trained(SENTENCES, 2, language.additive, alpha=alpha)
