"""Models on disk: every kind comes back as it was, and what is damaged is refused in one line."""

import json
import random

import numpy as np
import pytest

from minidl import language
from minidl.errors import CheckpointError, DataError
from minidl.language import files
from minidl.language.binary import write_binary
from minidl.language.cache import CacheModel
from minidl.language.mixture import LinearMixture
from minidl.language.neural import NeuralModel, make_network
from minidl.language.output import OUTPUTS
from minidl.train.files import replacing

SENTENCES = [s.split() for s in ["the cat sat", "the dog ran", "a cat ran", "a dog sat down"]] * 3
VOCABULARY = language.Vocabulary.from_sentences(SENTENCES)
IDS = VOCABULARY.encode_sentences(SENTENCES)
COUNTS = np.bincount(IDS, minlength=len(VOCABULARY))


def ngram():
    return language.witten_bell(language.count(IDS, len(VOCABULARY), 2), VOCABULARY)


def neural(output="full", **options):
    network = make_network("rnn", COUNTS, embedding_size=6, hidden=6, output=output, rng=0, **options)
    for p in network.parameters():
        p.data = p.data + np.float32(0.1) * np.arange(p.size, dtype=np.float32).reshape(p.shape) / p.size
    return NeuralModel(network, VOCABULARY)


def same(a, b):
    np.testing.assert_allclose(a.score_tokens(IDS), b.score_tokens(IDS), atol=1e-6)
    assert a.vocabulary.words == b.vocabulary.words


@pytest.mark.parametrize("output", [name for name in OUTPUTS if name != "short-list"])
def test_a_network_comes_back(tmp_path, output):
    model = neural(output)
    files.save_neural(model, tmp_path / files.MODEL, COUNTS, {"splitting": "tokens"})
    same(files.load(tmp_path / files.MODEL), model)
    same(files.load(tmp_path), model)  # a run's directory
    assert files.about(tmp_path) == {"splitting": "tokens"}


def test_a_short_list_comes_back_with_its_tail(tmp_path):
    write_binary(ngram(), tmp_path / "tail.bin")
    model = neural("short-list", output_options={"n_short": 3, "tail": ngram()})
    files.save_neural(model, tmp_path / "m.safetensors", COUNTS, {}, tail=tmp_path / "tail.bin")
    same(files.load(tmp_path / "m.safetensors"), model)
    assert not np.allclose(model.score_tokens(IDS), neural("short-list", output_options={"n_short": 3}).score_tokens(IDS))


@pytest.mark.parametrize("name", ["m.arpa", "m.bin"])
def test_an_ngram_model_comes_back(tmp_path, name):
    if name == "m.bin":
        write_binary(ngram(), tmp_path / name)
    else:
        with replacing(tmp_path / name) as f:
            language.write_arpa(ngram(), f)
    same(files.load(tmp_path / name), ngram())
    assert files.about(tmp_path / name) == {}


def test_a_mixture_comes_back_after_its_folder_was_moved(tmp_path):
    old = tmp_path / "old"
    old.mkdir()
    write_binary(ngram(), old / "n.bin")
    files.save_neural(neural(), old / "r.safetensors", COUNTS, {})
    cache = CacheModel(VOCABULARY, size=7, decay=0.9)
    files.save_mixture(old / "mix.json", [old / "n.bin", old / "r.safetensors", cache], [0.5, 0.3, 0.2])
    new = old.rename(tmp_path / "new")
    same(files.load(new / "mix.json"), LinearMixture([ngram(), neural(), cache], [0.5, 0.3, 0.2]))


@pytest.mark.parametrize(
    "text, says",
    [
        ("{}", "no mixture"),
        ('{"kind": "minidl mixture of language models", "parts": ["none.bin"], "weights": [1]}', "none.bin"),
        ('{"kind": "minidl mixture of language models", "parts": ["mix.json"], "weights": [1]}', "its part 'mix.json'"),
        ('{"kind": "minidl mixture of language models", "parts": [{"cache": 5}], "weights": [1]}', "no mixture"),
    ],
)
def test_a_mixture_that_is_none_is_refused(tmp_path, text, says):
    (tmp_path / "mix.json").write_text(text)
    with pytest.raises(DataError, match=says):
        files.load(tmp_path / "mix.json")


def test_missing_models_are_named(tmp_path):
    with pytest.raises(DataError, match="none"):
        files.load(tmp_path / "none")
    with pytest.raises(DataError, match=r"holds no model\.safetensors"):
        files.load(tmp_path)


@pytest.mark.parametrize("kind", ["neural", "mixture"])
def test_mutated_files_give_documented_errors_alone(tmp_path, kind):
    write_binary(ngram(), tmp_path / "n.bin")
    if kind == "neural":
        files.save_neural(neural(), tmp_path / "whole", COUNTS, {"splitting": "words"})
    else:
        files.save_mixture(tmp_path / "whole", [tmp_path / "n.bin"], [1.0])
    whole = (tmp_path / "whole").read_bytes()
    rng = random.Random(0)
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(rng.randint(1, 4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        damaged = bytes(data[: rng.randrange(len(data))] if rng.random() < 0.5 else data)
        (tmp_path / "damaged").write_bytes(damaged)
        try:
            files.load(tmp_path / "damaged")
        except (DataError, CheckpointError) as error:
            assert "\n" not in str(error)
        else:
            assert kind == "mixture" and json.loads(damaged)["kind"]
