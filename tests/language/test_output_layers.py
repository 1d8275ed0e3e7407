"""Every output layer: exactly normalised, in agreement with itself and with numbers by hand, and with the right gradient."""

import math
import tracemalloc

import numpy as np
import pytest
from scipy.special import log_softmax
from scipy.stats import chisquare
from strict_backend import StrictArray

import minidl as dl
from minidl import language, nn
from minidl.autograd.check import check_grads
from minidl.errors import ArgumentError, DTypeError, ShapeError
from minidl.language.output import OUTPUTS, FullSoftmax, HierarchicalSoftmax, SampledSoftmax, make_output
from minidl.nn.tree import owner_path

H, V = 6, 40
COUNTS = np.r_[30, 0, 50, (200 / np.arange(1, V - 2)).astype(int)]
OPTIONS = {"short-list": {"n_short": 15}} | {name: {"n_samples": 30} for name in ("sampled", "importance", "nce", "ranking")}
EXACT = ("full", "class", "joint", "huffman", "balanced", "short-list")
every_layer = pytest.mark.parametrize("name", OUTPUTS)


def make(name, size=V, **options):
    return make_output(name, H, COUNTS[:size], rng=1, **OPTIONS.get(name, {}) | options)


def hidden(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal((*shape, H)).astype(np.float32)


def targets(*shape, seed=0):
    return np.random.default_rng(seed).choice(np.delete(np.arange(V), 1), shape)


@every_layer
def test_all_words_but_the_start_sum_to_one(name):
    log_p = make(name).log_prob(3 * hidden(4, 5))
    assert log_p.shape == (4, 5, V) and log_p.dtype == np.float32
    assert np.exp(log_p.astype(np.float64)).sum(-1) == pytest.approx(1, abs=1e-5)
    assert (log_p[..., 1] == -np.inf).all() and np.isfinite(np.delete(log_p, 1, -1)).all()


@every_layer
def test_some_words_alone_are_as_among_all(name, monkeypatch):
    monkeypatch.setattr("minidl.language.output.base._AT_ONCE", 3 * V)  # several blocks of rows
    layer, h, words = make(name), hidden(4, 5), np.arange(20).reshape(4, 5)
    among_all = np.take_along_axis(layer.log_prob(h), words[..., None], -1)[..., 0]
    np.testing.assert_allclose(layer.log_prob_of(h, words), among_all, rtol=1e-5)
    assert layer.log_prob_of(dl.Tensor(h), words)[0, 1] == -np.inf
    assert layer.log_prob_of(hidden(0), np.zeros(0, int)).shape == (0,)


@every_layer
def test_samples_are_as_frequent_as_they_are_probable(name):
    layer, n = make(name), 20_000
    p = np.exp(layer.log_prob(hidden(1))[0].astype(np.float64))
    words = layer.sample(np.repeat(hidden(1), n, 0), rng=0)
    assert words.shape == (n,) and not (words == 1).any()
    seen = np.bincount(words, minlength=V)
    assert chisquare(np.delete(seen, 1), n * np.delete(p / p.sum(), 1)).pvalue > 1e-3
    assert (layer.sample(hidden(3, 2), rng=5) == layer.sample(hidden(3, 2), rng=5)).all()
    assert layer.sample(hidden(0), rng=0).shape == (0,)


@pytest.mark.parametrize("name", EXACT)
def test_the_loss_is_the_negative_log_likelihood(name):
    layer, h, t = make(name), hidden(7, 3), targets(7, 3)
    assert layer.surrogate is None
    assert layer.loss(dl.Tensor(h), t).item() == pytest.approx(-layer.log_prob_of(h, t).mean(), rel=1e-5)


@pytest.mark.parametrize("name", [name for name in OUTPUTS if name not in EXACT])
def test_another_loss_says_what_it_is(name):
    assert make(name).surrogate


@every_layer
def test_gradient(name):
    layer, t = make(name), targets(9)
    names = [path for path, _ in layer.named_parameters()]
    modules = dict(layer.named_modules())

    def loss(h, *values):
        for path, value in zip(names, values, strict=True):
            owner = owner_path(path, modules)
            setattr(modules[owner], path.removeprefix(owner).lstrip("."), value)
        layer.rng = np.random.default_rng(3)  # the same noise each time
        return layer.loss(h, t)

    check_grads(loss, hidden(9), *[p.numpy() for p in layer.parameters()], order=1)


@every_layer
def test_begins_at_the_frequencies_of_the_words(name):
    expected = COUNTS + 1.0
    expected[1] = 0
    p = np.exp(make(name).log_prob(np.zeros((1, H), np.float32))[0])
    np.testing.assert_allclose(p, expected / expected.sum(), rtol=1e-5)


def test_full_softmax_by_hand():
    layer, h = FullSoftmax(H, V, rng=0), hidden(3)
    scores = h.astype(np.float64) @ layer.weight.numpy().T + layer.bias.numpy()
    scores[:, 1] = -np.inf
    np.testing.assert_allclose(layer.log_prob(h), log_softmax(scores, -1), rtol=1e-5)


@pytest.mark.parametrize("ask", ["log_prob_of", "sample"])
def test_memory_is_bounded_with_many_rows(ask, monkeypatch):
    monkeypatch.setattr("minidl.language.output.base._AT_ONCE", 1 << 15)
    layer, h = FullSoftmax(H, 2_000, rng=0), hidden(1_000)
    tracemalloc.start()
    try:
        layer.log_prob_of(h, np.zeros(1_000, int)) if ask == "log_prob_of" else layer.sample(h, rng=0)
        assert tracemalloc.get_traced_memory()[1] < 1_000 * 2_000  # of 4 bytes each there would be
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", ["full", "sampled", "importance", "nce", "ranking"])
def test_a_weight_shared_with_an_embedding_is_one_parameter(name):
    table = nn.Embedding(V, H, sparse=True, rng=0)
    layer = make(name, weight=table.weight)
    both = nn.ModuleList([table, layer])
    assert sum(p.shape == (V, H) for p in both.parameters()) == 1
    words, t = targets(8), targets(8, seed=1)
    layer.loss(table(words), t).backward()
    assert set(words) | set(t) <= set(table.weight.grad.rows.tolist())


@pytest.mark.parametrize("name", ["class", "huffman", "balanced", "short-list"])
def test_a_layer_without_word_vectors_cannot_share(name):
    with pytest.raises(ArgumentError, match="has no vector for each word"):
        make(name, weight=nn.Embedding(V, H).weight)


@every_layer
def test_on_a_device_as_strict_as_a_gpu(name):
    h, t = hidden(5), targets(5)
    here = make(name)
    there = here.clone().to("strict")
    x = dl.Tensor(StrictArray(h), requires_grad=True)
    here.rng, there.rng = np.random.default_rng(0), np.random.default_rng(0)
    loss = there.loss(x, t)
    loss.backward()
    assert float(loss.item()) == pytest.approx(here.loss(dl.Tensor(h), t).item(), rel=1e-6)
    np.testing.assert_allclose(there.log_prob(x).get(), here.log_prob(h), rtol=1e-5)
    np.testing.assert_allclose(there.log_prob_of(x, t).get(), here.log_prob_of(h, t), rtol=1e-5)
    assert (there.sample(x, rng=2).get() == here.sample(h, rng=2)).all()


@every_layer
def test_what_does_not_fit_is_refused(name):
    layer = make(name)
    with pytest.raises(ShapeError, match=r"needs hidden of shape \(..., 6\)"):
        layer.loss(dl.Tensor(np.zeros((3, H + 1), np.float32)), targets(3))
    with pytest.raises(ShapeError, match=r"needs target of shape \(3,\)"):
        layer.loss(dl.Tensor(hidden(3)), targets(4))
    with pytest.raises(ShapeError, match="no tokens"):
        layer.loss(dl.Tensor(hidden(0)), np.zeros(0, int))
    with pytest.raises(DTypeError, match="word numbers"):
        layer.loss(dl.Tensor(hidden(3)), np.zeros(3))
    with pytest.raises(ArgumentError, match=r"target has 40; words are in \[0, 40\)"):
        layer.log_prob_of(hidden(3), [3, 40, 2])
    with pytest.raises(ArgumentError, match="a sentence's start"):
        layer.loss(dl.Tensor(hidden(3)), [3, 1, 2])
    with pytest.raises(ShapeError, match="contexts of shape"):
        layer.log_prob(hidden(3), contexts=np.zeros((2, 4), int))


def test_an_unknown_layer_or_option_names_those_that_are_there():
    with pytest.raises(ArgumentError, match="'nec' is none of full, class, joint"):
        make_output("nec", H, COUNTS)
    with pytest.raises(ArgumentError, match="output layer 'nce': got an unexpected keyword argument 'samples'"):
        make_output("nce", H, COUNTS, samples=3)
    with pytest.raises(ArgumentError, match="output layer 'short-list': missing a required argument: 'n_short'"):
        make_output("short-list", H, COUNTS)
    with pytest.raises(ArgumentError, match="counts must be one number for each word and not negative"):
        make_output("class", H, -COUNTS)
    with pytest.raises(ArgumentError, match="40 counts for 50 words"):
        FullSoftmax(H, 50, counts=COUNTS)
    with pytest.raises(ArgumentError, match="size=2 leaves out one of <unk>, <s>, </s>"):
        FullSoftmax(H, 2)
    with pytest.raises(ShapeError, match=r"weight must be a Parameter of shape \(40, 6\), not \(40, 5\)"):
        SampledSoftmax(H, COUNTS, weight=nn.Embedding(V, 5).weight)
    with pytest.raises(ArgumentError, match="tree must be 'huffman' or 'balanced'"):
        HierarchicalSoftmax(H, COUNTS, tree="wordnet")
    with pytest.raises(ArgumentError, match="n_classes must be between 1 and"):
        make_output("class", H, COUNTS, n_classes=V)


# -- the short list and its tail ------------------------------------------------------------------------------------

TEXT = [line.split() for line in ("a b a c e f", "a b d", "c a b g a", "b h a f", "a b a")]


@pytest.fixture
def bigrams():
    vocabulary = language.Vocabulary.from_sentences(TEXT)
    counts = language.count(vocabulary.encode_sentences(TEXT), len(vocabulary), 2)
    return language.absolute(counts, vocabulary)


@pytest.fixture
def short_list(bigrams):
    counts = np.bincount(bigrams.vocabulary.encode_sentences(TEXT), minlength=len(bigrams.vocabulary))
    return make_output("short-list", H, counts, rng=0, n_short=4, tail=bigrams)


def test_words_outside_the_list_share_as_the_tail_says(short_list, bigrams):
    contexts, h = np.array([[3], [4], [2]]), hidden(3)
    log_p, tail = short_list.log_prob(h, contexts), bigrams.log_prob(contexts)
    others = np.setdiff1d(np.arange(len(bigrams.vocabulary)), [1, *short_list.short])
    assert set(others) == set(short_list.others) and 2 in short_list.short
    assert np.exp(log_p.astype(np.float64)).sum(-1) == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(log_p[:, others] - log_p[:, others[:1]], tail[:, others] - tail[:, others[:1]], atol=1e-5)
    np.testing.assert_allclose(np.exp(log_p[:, others]).sum(-1), np.exp(short_list.inner.log_prob(h)[:, 0]), rtol=1e-5)
    np.testing.assert_allclose(log_p[:, short_list.short], short_list.inner.log_prob(h)[:, 2:], rtol=1e-6)
    words = np.array([5, others[0], others[-1]])
    np.testing.assert_allclose(short_list.log_prob_of(h, words, contexts), log_p[np.arange(3), words], rtol=1e-5)


def test_a_draw_from_the_tail_looks_at_the_context(short_list):
    h, n = hidden(1), 20_000
    contexts = np.full((n, 1), 3)
    p = np.exp(short_list.log_prob(h, contexts[:1])[0].astype(np.float64))
    seen = np.bincount(short_list.sample(np.repeat(h, n, 0), rng=0, contexts=contexts), minlength=len(p))
    assert chisquare(np.delete(seen, 1), n * np.delete(p / p.sum(), 1)).pvalue > 1e-3


def test_the_loss_of_a_short_list_with_a_tail_leaves_the_tail_out(short_list):
    h, words = hidden(4), np.array([2, 3, short_list.others[0], short_list.others[-1]])
    inner = short_list.inner.log_prob(h)
    place = [int(np.flatnonzero(short_list.short == w)[0]) + 2 if w in short_list.short else 0 for w in words]
    expected = -inner[np.arange(4), place].mean()
    assert short_list.surrogate and short_list.loss(dl.Tensor(h), words).item() == pytest.approx(expected, rel=1e-5)


def test_where_the_tail_has_nothing_frequencies_decide(short_list, monkeypatch):
    h, alone = hidden(2), short_list.log_prob(hidden(2))
    nothing = np.full((2, short_list.size), -np.inf, np.float32)
    nothing[:, short_list.short[0]] = 0
    monkeypatch.setattr(type(short_list.tail), "log_prob", lambda self, contexts: nothing)
    np.testing.assert_array_equal(short_list.log_prob(h, np.zeros((2, 1), int)), alone)


def test_a_short_list_leaves_words_out(bigrams):
    for n_short in (0, V - 1):
        with pytest.raises(ArgumentError, match=f"n_short={n_short} must be between 1 and {V - 2}"):
            make("short-list", n_short=n_short)
    with pytest.raises(ArgumentError, match=f"the tail knows {len(bigrams.vocabulary)} words, the counts are of {V}"):
        make("short-list", tail=bigrams)
    assert math.isfinite(make("short-list", n_short=V - 2).loss(dl.Tensor(hidden(2)), targets(2)).item())
