"""n-gram models: equal to KenLM's on golden files, to a count by hand on small ones, and always summing to one."""

import gzip
import math
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidl import language
from minidl.errors import ArgumentError, DataError
from minidl.language.ngram.kneser_ney import FALLBACK, discounts

GOLDEN = Path(os.environ.get("MINIDL_DATA", Path(__file__).parents[3] / "shared" / "data")).parent / "golden"
golden = pytest.mark.skipif(not GOLDEN.is_dir(), reason="the golden files are not here")
MODELS = {
    "order2": (2, {}, 496.6997, 211.2011),
    "order3": (3, {}, 494.2899, 210.2903),  # the README of the golden files says 210.2703; its ARPA file gives this
    "order5": (5, {}, 493.6465, 210.0911),
    "order5.prune-0-0-1": (5, {"prune": (0, 0, 1)}, 496.2566, 211.9272),
    "order3.sri-unigrams": (3, {"interpolate_unigrams": False}, 135.9535, 242.1378),
}
SMALL = ["a b a c", "a b", "c a b", "b", "a b a"]


def split(lines):
    return [line.split() for line in lines]


def trained(sentences, order, how=language.kneser_ney, **options):
    vocabulary = language.Vocabulary.from_sentences(sentences)
    counts = language.count(vocabulary.encode_sentences(sentences), len(vocabulary), order)
    return how(counts, vocabulary, **options)


def by_words(model):
    """{words: (log10 probability, log10 weight)} of a model, from its ARPA lines' parts."""
    found = {}
    for k, table in enumerate(model.tables):
        weights = model.backoffs[k] if k + 1 < model.order else np.zeros(len(table))
        names = [""] * len(table)
        rows = np.arange(len(table))
        for below in reversed(model.tables[: k + 1]):
            words = model.vocabulary.decode(below.keys[rows] % len(model.vocabulary))
            names = [f"{word} {name}" for word, name in zip(words, names, strict=True)]
            rows = below.context[rows]
        for name, p, weight in zip(names, model.log_probs[k] / math.log(10), weights / math.log(10), strict=True):
            found[name.strip()] = p, weight
    return found


@golden
@pytest.mark.parametrize("name", MODELS)
def test_equal_to_kenlm(name):
    order, options, including, excluding = MODELS[name]
    model = trained(list(language.read_sentences(GOLDEN / "shakespeare-6000.txt.gz")), order, **options)
    reference = language.read_arpa(GOLDEN / f"shakespeare-6000.{name}.arpa.gz")
    ours, theirs = by_words(model), by_words(reference)
    assert ours.keys() == theirs.keys()
    np.testing.assert_allclose([ours[key] for key in theirs], list(theirs.values()), rtol=0, atol=1e-5)
    for each in (model, reference):
        found = language.perplexity(each, language.read_sentences(GOLDEN / "shakespeare-test-1000.txt.gz"))
        assert found.including_unknown == pytest.approx(including, abs=2e-4)
        assert found.excluding_unknown == pytest.approx(excluding, abs=2e-4)
        assert (found.tokens, found.unknown) == (7183, 1127)


@golden
def test_discounts_of_the_golden_model():
    sentences = list(language.read_sentences(GOLDEN / "shakespeare-6000.txt.gz"))
    vocabulary = language.Vocabulary.from_sentences(sentences)
    counts = language.count(vocabulary.encode_sentences(sentences), len(vocabulary), 5)
    np.testing.assert_allclose(discounts(counts.adjusted(5), 5)[1:], [0.99618, 1.74013, 3.0], rtol=1e-5)
    np.testing.assert_allclose(discounts(counts.adjusted(4), 4)[1:], [0.988521, 1.56602, 1.35247], rtol=1e-5)


def plain_kneser_ney(sentences, order, discount, size):
    """The textbook's recursion on dictionaries of tuples; `discount` by order."""
    raw = Counter()
    for sentence in sentences:
        words = ["<s>", *sentence, "</s>"]
        raw.update(tuple(words[i : i + k]) for k in range(1, order + 1) for i in range(len(words) - k + 1))
    lefts = Counter(gram[1:] for gram in raw if len(gram) > 1)
    adjusted = {g: n if len(g) == order or g[0] == "<s>" else lefts[g] for g, n in raw.items() if g != ("<s>",)}

    def prob(word, context):
        if len(context) == order:
            context = context[1:]
        children = [n for g, n in adjusted.items() if g[:-1] == context]
        shorter = prob(word, context[1:]) if context else 1 / (size - 1)
        if not children:
            return shorter
        n, gives = adjusted.get((*context, word), 0), discount[len(context)]
        left = sum(gives[min(c, 3)] for c in children)
        return (n - gives[min(n, 3)] + left * shorter) / sum(children)

    return prob


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_equal_to_the_plain_recursion(order):
    """With the same discounts in both, of which most cannot be estimated from so little."""
    sentences = split(SMALL)
    model = trained(sentences, order, fallback=FALLBACK)
    size = len(model.vocabulary)
    counts = language.count(model.vocabulary.encode_sentences(sentences), size, order)
    adjusted = [counts.adjusted(k) for k in range(1, order + 1)]
    adjusted[0] = np.where(np.arange(size) == 1, 0, adjusted[0])  # a sentence's start is never next
    prob = plain_kneser_ney(sentences, order, [discounts(c, k, FALLBACK) for k, c in enumerate(adjusted, 1)], size)
    for context in (["<s>"], ["a"], ["<s>", "a"], ["b", "a"], ["a", "b", "a"], ["c", "c"]):
        log_probs = model.log_prob(model.vocabulary.encode(context)[None])[0]
        for word in ("a", "b", "c", "</s>", "<unk>"):
            expected = prob(word, tuple(context)[max(0, len(context) - order + 1) :])
            assert math.exp(log_probs[model.vocabulary.number(word)]) == pytest.approx(expected, rel=1e-5)


words = st.lists(st.sampled_from("abcdefg"), max_size=6)


SMOOTHINGS = {
    "kneser-ney": (language.kneser_ney, {"fallback": FALLBACK}),
    "witten-bell": (language.witten_bell, {}),
    "absolute": (language.absolute, {"discount": 0.6}),
    "additive": (language.additive, {"alpha": 0.3}),
    "katz": (language.katz, {"k": 2, "fallback": 0.4}),
    "sri-unigrams": (language.kneser_ney, {"fallback": FALLBACK, "interpolate_unigrams": False}),
}


@pytest.mark.parametrize("how", SMOOTHINGS)
@given(st.lists(words, min_size=1, max_size=30), st.integers(1, 5), st.sampled_from([(), (0, 0, 1), (0, 1), (0, 2, 3)]))
def test_probabilities_sum_to_one_and_scores_are_their_products(how, sentences, order, prune):
    sentences = [*sentences, ["a", "b", "c", "a"]]
    model = trained(sentences, order, SMOOTHINGS[how][0], prune=prune[:order], **SMOOTHINGS[how][1])
    ids = model.vocabulary.encode_sentences([*sentences, ["z", "a"], ["g", "a", "b"]])
    scored, found = model.look_up(ids)
    for i in np.flatnonzero(ids != 1):
        start = int(np.flatnonzero(ids[:i] == 1)[-1])
        log_probs = model.log_prob(ids[None, start:i])[0].astype(np.float64)
        assert np.exp(log_probs).sum() == pytest.approx(1, abs=1e-6)
        assert scored[i] == pytest.approx(log_probs[ids[i]], rel=1e-5, abs=1e-5)
        assert 1 <= found[i] <= order
    assert model.score(["g", "a", "b"]) == pytest.approx(scored[-4:].sum(), rel=1e-6)


@pytest.mark.parametrize(
    "how, options, unigram, bigram",
    [  # of "a b a" and "a b": 7 words and ends (3 a, 2 b, 2 </s>); 4 words may be next (a, b, </s>, <unk>)
        (language.witten_bell, {}, (3 + 3 / 4) / (7 + 3), (2 + 2 * (2 + 3 / 4) / 10) / (3 + 2)),
        (language.absolute, {"discount": 0.5}, (2.5 + 1.5 / 4) / 7, (1.5 + 2 * 0.5 * (1.5 + 1.5 / 4) / 7) / 3),
    ],
)
def test_simpler_smoothings_by_hand(how, options, unigram, bigram):
    """p(a), and p(b | a), where a is followed by b twice and by the end once."""
    sentences = split(["a b a", "a b"])
    one, two = (trained(sentences, order, how, **options) for order in (1, 2))
    a, b = one.vocabulary.encode(["a", "b"])
    assert np.exp(one.log_prob(np.zeros((1, 0), int))[0, a]) == pytest.approx(unigram, rel=1e-6)
    assert np.exp(two.log_prob(np.array([[a]]))[0, b]) == pytest.approx(bigram, rel=1e-6)


def test_the_discount_of_absolute_discounting_is_estimated():
    sentences = [*split(["a b c d"] * 2), *split(["e f", "g", "a"])]
    free = trained(sentences, 1, language.absolute)
    n1, n2 = 3, 3  # e, f, g; b, c, d: a occurs three times, the end five
    same = trained(sentences, 1, language.absolute, discount=n1 / (n1 + 2 * n2))
    np.testing.assert_array_equal(free.log_probs[0], same.log_probs[0])


def test_a_discount_of_nothing_is_no_discount():
    """n1 = 12, n2 = 3, n3 = 3 give D2 = 2 - 3 * (12 / 18) * 1 = 0: a context of twos alone could not back off."""
    c = np.repeat([1, 2, 3, 4], [12, 3, 3, 1])
    with pytest.raises(DataError, match="no discounts for order 2"):
        discounts(c, 2)
    np.testing.assert_array_equal(discounts(c, 2, FALLBACK), [0, *FALLBACK])


@pytest.mark.parametrize("fallback", [(0, 1, 1), (-1, 1, 1), (2, 2, 2), (0.5, 1, 4)])
def test_fixed_discounts_lie_within_their_counts(fallback):
    with pytest.raises(ArgumentError, match="above 0 and at most 1, 2 and 3"):
        trained(split(SMALL), 2, fallback=fallback)


def test_counts_of_a_text():
    sentences = split(["a b a", "a b"])
    vocabulary = language.Vocabulary.from_sentences(sentences)
    counts = language.count(vocabulary.encode_sentences(sentences), len(vocabulary), 3)
    assert vocabulary.words == ["<unk>", "<s>", "</s>", "a", "b"]
    assert counts.raw[0].tolist() == [0, 2, 2, 3, 2]
    assert counts.adjusted(1).tolist() == [0, 2, 2, 2, 1]  # a follows <s> and b, b follows a, </s> both
    pairs = {divmod(int(key), 5): int(n) for key, n in zip(counts.tables[1].keys, counts.raw[1], strict=True)}
    assert pairs == {(1, 3): 2, (3, 2): 1, (3, 4): 2, (4, 2): 1, (4, 3): 1}
    assert sum(counts.raw[2]) == 5


@pytest.mark.parametrize(
    "call, error, says",
    [
        (lambda: trained([["a"]], 2), DataError, "no discounts for order 1: n1 = 2, n2 = 0"),
        (lambda: trained([["a"]], 4, fallback=FALLBACK), DataError, "take an order of at most 3"),
        (lambda: trained([], 2), DataError, "no words"),
        (lambda: trained([["a", "<s>"]], 2), DataError, "<s> is reserved"),
        (lambda: trained([["a b"]], 2), DataError, "no spaces"),
        (lambda: trained([["a"]], 0), ArgumentError, "at least 1"),
        (lambda: trained([["a"]], 2, prune=(1,), fallback=FALLBACK), ArgumentError, "begin with 0"),
        (lambda: trained([["a"]], 2, prune=(0, 2, 1), fallback=FALLBACK), ArgumentError, "do not fall"),
        (lambda: trained([["a"]], 1, language.absolute), DataError, "0 that occur twice"),
        (lambda: trained([["a"]], 1, language.absolute, discount=2), ArgumentError, r"\[0, 1\]"),
        (lambda: language.Vocabulary(["a", "a"]), DataError, "twice"),
        (lambda: language.Vocabulary.from_sentences([["a"]], min_count=0), ArgumentError, "at least 1"),
        (lambda: language.perplexity(trained(split(SMALL), 1, fallback=FALLBACK), []), DataError, "empty"),
    ],
)
def test_what_is_refused(call, error, says):
    with pytest.raises(error, match=says):
        call()


@pytest.mark.parametrize("longest", [5, 200_000])
def test_a_long_text_is_scored_as_its_sentences_are(longest):
    """In blocks, on several threads, by hash tables."""
    rng = np.random.default_rng(0)
    model = trained(split(SMALL), 3, fallback=FALLBACK)
    text = [rng.choice(["a", "b", "c", "z"], n).tolist() for n in rng.integers(0, longest, 200_000 // longest * 2 + 1)]
    scored, found = model.look_up(model.vocabulary.encode_sentences(text))
    starts = np.flatnonzero(model.vocabulary.encode_sentences(text) == 1)
    for i in rng.choice(len(text), 20):
        alone = model.look_up(model.vocabulary.encode_sentences([text[i]][:1]))
        part = slice(starts[i], starts[i] + len(text[i]) + 2)
        np.testing.assert_array_equal(scored[part], alone[0])
        np.testing.assert_array_equal(found[part], alone[1])


def test_unknown_words_are_counted_apart():
    model = trained(split(SMALL), 2, fallback=FALLBACK)
    found = language.perplexity(model, split(["a z", "q"]))
    assert (found.tokens, found.unknown) == (5, 2) and found.excluding_unknown < found.including_unknown
    only = language.perplexity(model, split(["z"]))
    assert only.tokens == 2 and only.unknown == 1


def test_a_limited_vocabulary():
    vocabulary = language.Vocabulary.from_sentences(split(SMALL), min_count=2, max_size=2)
    assert vocabulary.words[3:] == ["a", "b"] and vocabulary.encode(["c", "a"]).tolist() == [0, 3]
    assert "a" in vocabulary and "c" not in vocabulary and vocabulary.decode([3, 0]) == ["a", "<unk>"]


@pytest.mark.parametrize(
    "content, says",
    [
        (b"ok\nab\xff\n", "line 2, byte 5: not UTF-8"),
        (gzip.compress(b"a b\n" * 99, mtime=0)[:-9], "cannot read"),
        (gzip.compress(b"a b\n" * 99, mtime=0)[:14] + b"\x07\x07" * 9, "cannot read"),
    ],
)
def test_a_text_that_cannot_be_read(tmp_path, content, says):
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    with pytest.raises(DataError, match=says):
        list(language.read_sentences(path))


def test_texts(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(gzip.compress("ä b\tc\r\n\n x\v\n".encode()))
    assert list(language.read_sentences(path)) == [["ä", "b", "c"], [], ["x\v"]]
    assert list(language.read_sentences(path, keep_empty=False)) == [["ä", "b", "c"], ["x\v"]]
    assert next(language.read_sentences(path, "characters")) == ["ä", "\u2581", "b", "\u2581", "c"]
    with pytest.raises(DataError, match="No such file"):
        list(language.read_sentences(tmp_path / "none"))
