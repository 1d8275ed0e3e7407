"""Neural language models: the common questions answered alike, training that resumes, honest dynamic evaluation."""

import numpy as np
import pytest
from strict_backend import StrictBackend

import minidl as dl
from minidl import language, optim
from minidl.errors import ArgumentError, DataError
from minidl.language.neural import Carry, Columns, DynamicModel, FeedForward, NeuralModel, Recurrent, make_network, train
from minidl.language.neural.columns import stream
from minidl.language.vocabulary import END_ID, START_ID

STRICT = StrictBackend().name  # making one makes the device known
SENTENCES = [s.split() for s in ["the cat sat", "the dog ran", "a cat ran", "", "a dog sat down", "the cat ran down"]] * 8
KINDS = {
    "feed-forward": {"embedding_size": 8, "hidden": 12, "context": 3},
    "feed-forward-direct": {"embedding_size": 8, "hidden": 12, "context": 3, "direct": True},
    "rnn": {"embedding_size": 8, "hidden": 12},
    "lstm": {"embedding_size": 12, "hidden": 12, "layers": 2, "tied": True},
    "gru": {"embedding_size": 8, "hidden": 12},
    "decoder": {"hidden": 12, "layers": 1, "heads": 2, "length": 8},
}
every_kind = pytest.mark.parametrize("name", KINDS)


def make(name, output="full", seed=0, **options):
    vocabulary = language.Vocabulary.from_sentences(SENTENCES)
    ids = vocabulary.encode_sentences(SENTENCES)
    kind = "feed-forward" if name.startswith("feed") else name
    sizes = {**KINDS[name], **options}
    network = make_network(kind, np.bincount(ids, minlength=len(vocabulary)), output=output, rng=seed, **sizes)
    return NeuralModel(network, vocabulary), ids


def taught(name, epochs=4, **options):
    model, ids = make(name, **options)
    dl.seed(0)
    optimizer = optim.Adam(model.network.parameters(), lr=0.02)
    history = train(model.network, ids, optimizer, validation=ids, columns=4, length=8, epochs=epochs, progress=False)
    return model, ids, history


def test_a_stream_is_the_text_without_starts():
    words, target = stream(np.array([1, 5, 6, 2, 1, 2, 1, 7, 2]))
    assert target.tolist() == [5, 6, 2, 2, 7, 2]
    assert words.tolist() == [END_ID, 5, 6, 2, 2, 7]


def test_columns_go_on_where_the_batch_before_ended():
    ids = np.array([START_ID, *range(3, 25), END_ID])
    columns = Columns(ids, 2, 4)
    batches = list(columns)
    assert len(columns) == len(batches) == 3 and [len(words) for words, _ in batches] == [4, 4, 3]
    assert np.concatenate([words[:, 1] for words, _ in batches]).tolist() == list(range(13, 24))
    assert np.concatenate([target[:, 1] for _, target in batches]).tolist() == list(range(14, 25))
    columns.set_epoch(0, 2)
    assert [words[0, 0] for words, _ in columns] == [10]
    with pytest.raises(DataError, match="fewer than the 40 columns"):
        Columns(ids, 40)


@every_kind
def test_scores_distributions_and_reader_agree(name):
    model, ids, _ = taught(name, 1)
    ids = ids[:40]
    tokens = ids[ids != START_ID]
    scores = model.score_tokens(ids)
    assert scores.shape == ids.shape and (scores[ids == START_ID] == 0).all() and (scores[ids != START_ID] < 0).all()
    every = np.concatenate(list(model.distributions(ids)))
    assert np.exp(every).sum(1) == pytest.approx(1, abs=1e-5) and np.isneginf(every[:, START_ID]).all()
    np.testing.assert_allclose(every[np.arange(len(tokens)), tokens], scores[ids != START_ID], atol=1e-5)
    reader, n = model.reader(), 3 if name == "decoder" else len(tokens)  # a decoder reads other pieces of what is before
    for word, expected in zip(tokens[:n], every, strict=False):
        np.testing.assert_allclose(reader.log_prob(), expected, atol=1e-4)
        reader.read(int(word))


@every_kind
def test_contexts_give_what_the_reader_says(name):
    model, _, _ = taught(name, 1)
    contexts = np.array([[START_ID, START_ID, 5, 6], [START_ID] * 4, [3, 4, 5, 6], [START_ID, 4, 5, 6]])
    found = model.log_prob(contexts)
    assert np.exp(found).sum(1) == pytest.approx(1, abs=1e-5)
    for words, expected in zip(([5, 6], [], [4, 5, 6]), found[[0, 1, 3]], strict=True):
        reader = model.reader()
        for word in words:
            reader.read(word)
        np.testing.assert_allclose(reader.log_prob(), expected, atol=1e-5)
    with pytest.raises(ArgumentError, match="contexts must be"):
        model.log_prob(np.array([[99]]))


@pytest.mark.parametrize("name", ["rnn", "lstm", "gru"])
def test_recurrent_models_remember_the_sentence_before(name):
    model, _, _ = taught(name, 2)
    after = [model.score_tokens(np.array([1, first, 2, 1, 5, 2]))[4] for first in (3, 8)]
    assert abs(after[0] - after[1]) > 1e-3
    assert model.score(["the"]) == pytest.approx(model.score_tokens(np.array([1, model.vocabulary.number("the"), 2])).sum())


def test_a_feed_forward_model_sees_its_window_alone():
    model, _, _ = taught("feed-forward", 2)
    scores = [model.score_tokens(np.array([1, first, 4, 5, 6, 7, 2]))[5] for first in (3, 8)]
    assert scores[0] == pytest.approx(scores[1], abs=1e-5)
    nearer = [model.score_tokens(np.array([1, 3, 4, word, 6, 7, 2]))[5] for word in (3, 8)]
    assert abs(nearer[0] - nearer[1]) > 1e-3


def test_a_decoder_reads_half_a_piece_again():
    model, _ = make("decoder")
    body, words = model.network.body.eval(), np.array([[3], [4], [5], [6], [7], [8], [9], [3], [4], [5]])
    state = None
    for start, stop in ((0, 4), (4, 8), (8, 10)):
        hidden, state = body(words[start:stop], state)
        alone, _ = body(words[max(0, start - 4) : stop])
        np.testing.assert_allclose(hidden.data, alone.data[start - stop :], atol=1e-5)
        np.testing.assert_array_equal(state[0], words[max(0, stop - 4) : stop])
    other, _ = body(words[[1, 0, 2]])  # where a word stands matters, not only which words there are
    assert np.abs(other.data[-1] - body(words[:3])[0].data[-1]).max() > 1e-3


def test_contexts_reach_an_ngram_tail():
    model, ids = make("rnn")
    tail = language.witten_bell(language.count(ids, len(model.vocabulary), 3), model.vocabulary)
    model, ids = make("rnn", output="short-list", output_options={"n_short": 3, "tail": tail})
    tokens = ids[:30][ids[:30] != START_ID]
    every, reader = np.concatenate(list(model.distributions(ids[:30]))), model.reader()
    for word, expected in zip(tokens, every, strict=True):
        np.testing.assert_allclose(reader.log_prob(), expected, atol=1e-5)
        reader.read(int(word))


@pytest.mark.parametrize("name", ["rnn", "lstm", "gru", "feed-forward"])
def test_training_goes_on_from_the_state_of_the_batch_before(name):
    model, ids = make(name)
    columns = Columns(ids, 4, 8)
    carry = Carry(columns)
    pieces = [carry(model.network, batch)[0][0].data for batch in columns]
    whole, _ = model.network(np.concatenate([words for words, _ in columns]))
    np.testing.assert_allclose(np.concatenate(pieces), whole.data, atol=1e-6)
    columns.set_epoch(1)
    np.testing.assert_array_equal(carry(model.network, next(iter(columns)))[0][0].data, pieces[0])
    assert all(not getattr(s, "requires_grad", False) for s in columns.state)


@every_kind
def test_every_kind_learns(name):
    model, ids, history = taught(name, 6)
    untaught, _ = make(name)
    assert model.score_tokens(ids).mean() > untaught.score_tokens(ids).mean() + 0.5
    assert history.epochs[-1]["val_loss"] < history.epochs[0]["val_loss"]


def test_what_is_measured_is_exact_whatever_is_trained():
    model, ids, history = taught("lstm", 2, output="nce", output_options={"n_samples": 8})
    assert model.network.output.surrogate
    exact = -model.score_tokens(ids).sum() / (ids != START_ID).sum()
    assert history.last["val_loss"] == pytest.approx(exact, rel=0.05)  # columns begin without what stands before them
    assert history.last["loss"] != pytest.approx(exact, rel=0.2)


class Died(Exception):
    pass


@every_kind
def test_an_interrupted_training_ends_with_the_same_bits(tmp_path, name):
    """State, dropout and drawn words are part of a checkpoint."""

    def run(folder, die_at=None, resume=False):
        model, ids = make(name, dropout=0.3, output="sampled", output_options={"n_samples": 4})
        dl.seed(3)
        calls = iter(range(1000))

        def counted(network, *inputs):
            if network.training and next(calls) == die_at:
                raise Died
            return forward(network, *inputs)

        forward = type(model.network).forward
        model.network.forward = counted.__get__(model.network)
        optimizer = optim.Adam(model.network.parameters(), lr=0.01)
        options = {"columns": 4, "length": 8, "epochs": 3, "progress": False, "run_dir": tmp_path / folder, "resume": resume}
        train(model.network, ids, optimizer, checkpoint_every=1, **options)
        return {name: p.data.copy() for name, p in model.network.named_parameters()}

    whole = run("whole")
    with pytest.raises(Died):
        run("parts", die_at=8)
    resumed = run("parts", resume=True)
    for path, value in whole.items():
        np.testing.assert_array_equal(resumed[path], value, err_msg=path)


def test_dynamic_evaluation_adapts_and_stays_honest():
    model, _, _ = taught("lstm", 2)
    new = np.tile(np.array([START_ID, 9, 8, 3, END_ID]), 30)
    before = {name: p.data.copy() for name, p in model.network.named_parameters()}
    dynamic = DynamicModel(model, lr=0.5, length=8)
    adapted, static = dynamic.score_tokens(new), model.score_tokens(new)
    assert adapted.mean() > static.mean() + 0.2
    np.testing.assert_allclose(adapted[:10], static[:10], atol=1e-5)  # nothing was learned before the first step
    other = new.copy()
    other[-4:-1] = [4, 5, 6]  # what comes later changes nothing before it
    np.testing.assert_allclose(dynamic.score_tokens(other)[:-4], adapted[:-4], atol=1e-5)
    np.testing.assert_allclose(DynamicModel(model, lr=1e-9, length=8).score_tokens(new), static, atol=1e-4)
    every = np.concatenate(list(dynamic.distributions(new)))
    np.testing.assert_allclose(every[np.arange(len(every)), new[new != START_ID]], adapted[new != START_ID], atol=1e-5)
    for name, p in model.network.named_parameters():
        np.testing.assert_array_equal(p.data, before[name])


@pytest.mark.parametrize("name, output", [*[(name, "full") for name in KINDS], ("rnn", "joint"), ("gru", "nce")])
def test_on_a_device_as_strict_as_a_gpu(name, output):
    """Trained, scored, read and adapted there as here."""
    found = []
    for device in ("cpu", STRICT):
        options = {"output_options": {"n_samples": 5}} if output == "nce" else {}
        model, ids = make(name, output=output, **options)
        model.network.to(device)
        dl.seed(0)
        optimizer = optim.Adam(model.network.parameters(), lr=0.01)
        train(model.network, ids, optimizer, validation=ids, columns=4, length=8, epochs=1, progress=False)
        reader = model.reader()
        reader.read(4)
        dynamic = DynamicModel(model, lr=0.1, length=8)
        every = np.concatenate(list(model.distributions(ids[:20])))
        after = model.log_prob(np.array([[4, 5]]))
        found.append([model.score_tokens(ids), reader.log_prob(), dynamic.score_tokens(ids), every, after])
    for here, there in zip(*found, strict=True):
        np.testing.assert_allclose(there, here, atol=2e-4)


def test_tied_weights_are_one_parameter():
    model, _ = make("lstm")
    assert model.network.body.embedding.weight is model.network.output.weight
    names = [name for name, _ in model.network.named_parameters()]
    assert len(names) == len(set(names)) and model.n_parameters == sum(p.size for p in model.network.parameters())


@pytest.mark.parametrize(
    "kind, options, says",
    [
        ("gpt", {}, "kind must be one of"),
        ("lstm", {"context": 3}, "context"),
        ("lstm", {"embedding_size": 8, "hidden": 12, "tied": True}, "not 12 and 8"),
        ("lstm", {"output": "huffman", "tied": True}, "no vector for each word"),
        ("lstm", {"output": "softmax"}, "is none of full"),
        ("feed-forward", {"context": 0}, "at least 1 word"),
        ("decoder", {"length": 1}, "at least 2"),
    ],
)
def test_a_wrong_wish_is_refused(kind, options, says):
    with pytest.raises(ArgumentError, match=says):
        make_network(kind, np.ones(9, int), **options)


def test_a_sparse_embedding_is_a_sparse_gradient():
    for body in (FeedForward(50, 4, 6, sparse=True, rng=0), Recurrent(50, 4, 6, sparse=True, rng=0)):
        hidden, _ = body(np.array([[3, 4], [5, 3]]))
        hidden.sum().backward()
        assert set(body.embedding.weight.grad.rows.tolist()) <= {END_ID, 3, 4, 5}
