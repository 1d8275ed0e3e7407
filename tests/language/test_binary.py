"""Binary models: mapped, opened at once, equal to what was written; and whatever is damaged gives one documented error."""

import json
import mmap
import random
import time

import numpy as np
import pytest

from minidl import language
from minidl.errors import DataError
from minidl.language.binary import read_binary, write_binary
from minidl.language.ngram.counts import Table, unigrams

SENTENCES = [s.split() for s in ["the cat sat", "the dog ran", "a cat ran", "a dog sat down on the mat", "ünder"]] * 3


def model_of(order=3):
    vocabulary = language.Vocabulary.from_sentences(SENTENCES)
    ids = vocabulary.encode_sentences(SENTENCES)
    return language.witten_bell(language.count(ids, len(vocabulary), order), vocabulary), ids


def written(path, order=3):
    model, ids = model_of(order)
    write_binary(model, path)
    return model, ids


@pytest.mark.parametrize("order", [1, 2, 4])
@pytest.mark.parametrize("verify", [False, True])
def test_what_was_written_comes_back(tmp_path, order, verify):
    model, ids = written(tmp_path / "m.bin", order)
    found = read_binary(tmp_path / "m.bin", verify)
    assert found.vocabulary.words == model.vocabulary.words and found.order == order
    np.testing.assert_array_equal(found.score_tokens(ids), model.score_tokens(ids))
    contexts = np.array([[1, 3, 4], [5, 6, 7], [1, 1, 1]])
    np.testing.assert_array_equal(found.log_prob(contexts), model.log_prob(contexts))
    for mine, theirs in zip(found.tables, model.tables, strict=True):
        for name in ("keys", "context", "suffix"):
            np.testing.assert_array_equal(getattr(mine, name), getattr(theirs, name))


def test_the_arrays_are_mapped(tmp_path):
    written(tmp_path / "m.bin")
    found = read_binary(tmp_path / "m.bin")
    for array in (found.tables[1].keys, found.log_probs[2], found.backoffs[0]):
        assert not array.flags.writeable
        while isinstance(array, np.ndarray):
            array = array.base
        assert isinstance(array, mmap.mmap)


def test_what_stood_there_stays_if_writing_fails(tmp_path, monkeypatch):
    path = tmp_path / "m.bin"
    written(path)
    before = path.read_bytes()
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(DataError, match="No space left"):
        written(path)
    assert path.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == ["m.bin"]
    with pytest.raises(DataError, match="cannot write"):
        write_binary(model_of()[0], tmp_path / "no" / "m.bin")


def edited(path, change):
    """The file with its header changed by a function; the arrays stay where they are."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + length :])


@pytest.mark.parametrize(
    "change, says",
    [
        (lambda h: h["__metadata__"].update(format="other"), "no n-gram model of minidl"),
        (lambda h: h.pop("__metadata__"), "no n-gram model of minidl"),
        (lambda h: h["__metadata__"].update(version="9"), "of version 9"),
        (lambda h: h["__metadata__"].update(order="4"), r"it has no backoffs\.3"),
        (lambda h: h["__metadata__"].update(order="x"), "its order is 'x'"),
        (lambda h: h["__metadata__"].update(order="99"), "its order is '99'"),
        (lambda h: h["keys.2"].update(dtype="F64"), r"keys\.2 is F64"),
        (lambda h: h.update({"keys.2": h["context.2"], "context.2": h["keys.2"]}), "2-grams holds what cannot be"),
        (lambda h: h.update({"log_probs.2": h["log_probs.3"], "log_probs.3": h["log_probs.2"]}), "does not fit"),
    ],
)
def test_an_altered_header_is_named(tmp_path, change, says):
    path = tmp_path / "m.bin"
    written(path)
    edited(path, change)
    with pytest.raises(DataError, match=says) as error:
        read_binary(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_no_file_and_other_files(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        read_binary(tmp_path / "none")
    for content in (b"", b"12345678{}", b"\x10" + bytes(7) + b"{" * 16, bytes(1000)):
        (tmp_path / "other").write_bytes(content)
        with pytest.raises(DataError, match="other"):
            read_binary(tmp_path / "other")


def test_verifying_sees_what_opening_does_not(tmp_path):
    path = tmp_path / "m.bin"
    model, _ = written(path)
    whole = bytearray(path.read_bytes())
    place = bytes(whole).find(model.log_probs[1].tobytes()) + 4 * (len(model.log_probs[1]) // 2)
    whole[place] ^= 1
    path.write_bytes(whole)
    read_binary(path)
    with pytest.raises(DataError, match=r"the checksum of log_probs\.2 does not match"):
        read_binary(path, verify=True)


def test_mutated_and_truncated_files(tmp_path):
    """Opened or refused; if opened, it answers, perhaps wrongly, and never with anything but its documented errors."""
    path = tmp_path / "m.bin"
    _, ids = written(path)
    whole, rng = path.read_bytes(), random.Random(0)
    contexts, opened = np.array([[1, 3, 4], [5, 6, 7]]), 0
    start = time.perf_counter()
    for _ in range(400):
        data = bytearray(whole)
        for _ in range(rng.randint(1, 6)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        path.write_bytes(data[: rng.randrange(len(data))] if rng.random() < 0.3 else data)
        try:
            model = read_binary(path)
        except DataError as error:
            assert "\n" not in str(error) and str(path) in str(error)
            continue
        opened += 1
        with np.errstate(all="ignore"):
            model.score_tokens(ids)
            model.log_prob(contexts)
        try:
            read_binary(path, verify=True)
        except DataError:
            continue
    assert opened > 20 and time.perf_counter() - start < 20


@pytest.mark.slow
def test_ten_million_ngrams_open_within_a_second(tmp_path):
    size, n = 100_000, 10_000_000
    rng = np.random.default_rng(0)
    vocabulary = language.Vocabulary([f"w{i}" for i in range(size - 3)])
    keys = np.unique(rng.integers(0, size * size, n + 10_000))[:n]
    tables = [unigrams(size), Table(keys, keys // size, keys % size)]
    log_probs = [np.full(len(t), -5, np.float32) for t in tables]
    model = language.BackoffModel(vocabulary, tables, log_probs, [np.zeros(size, np.float32)])
    write_binary(model, tmp_path / "m.bin")
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        found = read_binary(tmp_path / "m.bin")
        assert found.score(["w5", "w6"]) < 0
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 1
    print(f"opened in {min(seconds):.3f} s")
