"""Writing text: what may be drawn, how often, and what is refused."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidl import language
from minidl.errors import ArgumentError
from minidl.language.generate import choice, generate, most_likely_next
from minidl.language.mixture.linear import LinearMixture

P = np.array([0.05, 0.0, 0.15, 0.4, 0.2, 0.2])
with np.errstate(divide="ignore"):
    LOG_P = np.log(P)


def bigrams(text=("a b a c", "a b", "c a b", "b a")):
    sentences = [line.split() for line in text]
    vocabulary = language.Vocabulary.from_sentences(sentences)
    counts = language.count(vocabulary.encode_sentences(sentences), len(vocabulary), 2)
    return language.witten_bell(counts, vocabulary)


@pytest.mark.parametrize(
    "options, expected",
    [
        ({}, P),
        ({"temperature": 0}, [0, 0, 0, 1, 0, 0]),
        ({"temperature": 0.5}, P**2 / (P**2).sum()),
        ({"allow_unknown": False}, [0, 0, *P[2:] / 0.95]),
        ({"top_k": 2}, [0, 0, 0, 2 / 3, 1 / 3, 0]),  # of two that are equally likely the first
        ({"top_k": 99}, P),
        ({"top_p": 0.4}, [0, 0, 0, 1, 0, 0]),
        ({"top_p": 0.5}, [0, 0, 0, 2 / 3, 1 / 3, 0]),
        ({"top_p": 0.79}, [0, 0, 0, 0.5, 0.25, 0.25]),
        ({"top_p": 1.0}, P),
        ({"top_k": 3, "top_p": 0.7}, [0, 0, 0, 2 / 3, 1 / 3, 0]),  # .4 and .2 of .8 are more than .7
        ({"temperature": 1e-300}, [0, 0, 0, 1, 0, 0]),
    ],
)
def test_what_is_drawn_with_which_probability(options, expected):
    np.testing.assert_allclose(choice(LOG_P, **options), expected, atol=1e-12)


@given(
    st.lists(st.floats(-30, 0), min_size=4, max_size=12), st.floats(0, 5), st.none() | st.integers(1, 9),
    st.none() | st.floats(0.01, 1), st.booleans(),
)  # fmt: skip
def test_choices_are_distributions_without_a_start(log_p, temperature, top_k, top_p, allow_unknown):
    p = choice(np.array(log_p), temperature, top_k, top_p, allow_unknown)
    assert p.sum() == pytest.approx(1) and p.min() >= 0 and p[1] == 0
    assert (p > 0).sum() <= (top_k or p.size) and (allow_unknown or p[0] == 0)


def test_sentences_are_drawn_as_often_as_the_model_says():
    model = bigrams()
    rng = np.random.default_rng(0)
    n = 4000
    drawn = [tuple(generate(model, rng, max_tokens=3).words) for _ in range(n)]
    for sentence in (("a", "b", "</s>"), ("b", "a", "</s>"), ("c", "a", "b"), ("</s>",)):
        ids = np.array([1, *model.vocabulary.encode(sentence)])
        p = math.exp(model.score_tokens(ids).sum())
        assert abs(drawn.count(sentence) / n - p) < 4 * math.sqrt(p * (1 - p) / n)


def test_greedy_words_follow_the_likeliest():
    model = bigrams()
    found = generate(model, prompt=["c"], temperature=0, max_tokens=5)
    read = ["c"]
    for word in found.words:
        assert most_likely_next(model, read, 1)[0][0] == word
        read.append(word)
    assert found.ids == model.vocabulary.encode(found.words).tolist()


def test_the_end_stops_or_begins_the_next_sentence():
    model = bigrams()
    one = generate(model, 1, max_tokens=50)
    assert one.words.index("</s>") == len(one.words) - 1
    more = generate(model, 1, max_tokens=50, stop_at_end=False)
    assert len(more.words) == 50 and more.words[: len(one.words)] == one.words
    lines = more.text.split("\n")
    assert " ".join(one.words[:-1]) == lines[0] and "</s>" not in more.text
    assert len(lines) == more.words.count("</s>") + (more.words[-1] != "</s>")


def test_the_same_seed_draws_the_same_words_and_a_mixture_is_a_model():
    model = bigrams()
    mixture = LinearMixture([model, bigrams()], [0.3, 0.7])
    first, again = (generate(mixture, np.random.default_rng(5), ["b"], stop_at_end=False) for _ in range(2))
    assert first == again and len(first.ids) == 100 and 1 not in first.ids


def test_unknown_words_of_a_prompt_are_told():
    model = bigrams()
    found = generate(model, 0, ["a", "zebra", "yak"], max_tokens=1)
    assert found.unknown == ["zebra", "yak"] and found.prompt == ["a", "zebra", "yak"]
    assert found.text.startswith("a zebra yak")
    assert most_likely_next(model, ["zebra"], 9) == most_likely_next(model, ["<unk>"], 9)
    assert all(0 not in generate(model, seed, allow_unknown=False).ids for seed in range(50))


def test_the_likeliest_words_are_all_words_in_order():
    model = bigrams()
    found = most_likely_next(model, ["a"], 99)
    assert sorted(word for word, _ in found) == sorted(set(model.vocabulary.words) - {"<s>"})
    assert sum(p for _, p in found) == pytest.approx(1, rel=1e-6)
    assert [p for _, p in found] == sorted((p for _, p in found), reverse=True)
    assert found[0][0] == "b" and most_likely_next(model, ["a"], 2) == found[:2]


@pytest.mark.parametrize(
    "options, says",
    [
        ({"temperature": -1}, "temperature"),
        ({"temperature": math.nan}, "temperature"),
        ({"temperature": math.inf}, "temperature"),
        ({"top_k": 0}, "top_k must be at least 1"),
        ({"top_p": 0}, r"top_p must lie in \(0, 1\]"),
        ({"top_p": 1.5}, "top_p"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"prompt": "a b"}, "a list of words, not one string"),
        ({"prompt": ["<s>", "a"]}, "leave <s> out"),
    ],
)
def test_what_is_refused(options, says):
    with pytest.raises(ArgumentError, match=says):
        generate(bigrams(), 0, **options)


def test_no_word_is_left_and_no_words_are_asked_for():
    with pytest.raises(ArgumentError, match="no word to draw"):
        choice(np.array([0, -np.inf, -np.inf]), allow_unknown=False)
    with pytest.raises(ArgumentError, match="n must be at least 1"):
        most_likely_next(bigrams(), n=0)
