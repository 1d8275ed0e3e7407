"""Smoothings by hand: whole tables of additive, Witten-Bell, absolute and Kneser-Ney models of a text of five words."""

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


@pytest.mark.parametrize("alpha", [0, -1, float("nan"), float("inf")])
def test_an_alpha_that_is_no_count(alpha):
    with pytest.raises(ArgumentError, match="above 0"):
        trained(SENTENCES, 2, language.additive, alpha=alpha)
