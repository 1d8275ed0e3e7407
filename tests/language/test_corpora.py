"""Texts by name and from files: three parts, no overlap, and the figures that are published of them."""

import contextlib
import gzip
import os
import random
from pathlib import Path

import pytest

from minidl.errors import ArgumentError, DataError
from minidl.language import corpora
from minidl.language.text import split

DATA = Path(os.environ.get("MINIDL_DATA", Path(__file__).parents[3] / "shared" / "data"))
with_data = pytest.mark.skipif(not (DATA / "wikitext-2").is_dir(), reason="the data sets are not here")


@pytest.fixture
def data(monkeypatch):
    monkeypatch.setenv("MINIDL_DATA", str(DATA))


def test_a_file_is_cut_into_parts_that_cover_it(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("\n".join(f"line {i}\n" for i in range(300)))
    corpus = corpora.load(str(path))
    parts = [[int(words[1]) for words in part] for part in (corpus.train, corpus.valid, corpus.test)]
    assert [len(part) for part in parts] == [240, 30, 30]
    assert sorted([*parts[0], *parts[1], *parts[2]]) == list(range(300))
    assert all(max(part) > 240 and min(part) < 60 for part in parts), "all of the text is in each part"


def test_gzip_and_splitting(tmp_path):
    path = tmp_path / "text.gz"
    path.write_bytes(gzip.compress(b"Don't stop, Ann!\n" * 60))
    assert corpora.load(str(path)).test[0] == ["Don't", "stop,", "Ann!"]
    assert corpora.load(str(path), "tokens").test[0] == ["don't", "stop", ",", "ann", "!"]
    assert corpora.load(str(path), "characters").test[0][:6] == ["D", "o", "n", "'", "t", "\u2581"]
    with pytest.raises(ArgumentError, match="must be one of words, tokens, characters"):
        split("a", "letters")


def test_what_is_no_text_is_said(tmp_path):
    with pytest.raises(DataError, match=r"no text called 'none'.*topics, wikitext-2"):
        corpora.load("none")
    short = tmp_path / "short.txt"
    short.write_text("one sentence\n")
    with pytest.raises(DataError, match="1 sentences are too few"):
        corpora.load(str(short))


def test_the_help_texts_are_sentences_and_none_comes_twice():
    lines = list(corpora.topics())
    assert len(lines) > 2000 and sum(map(len, lines)) > 200_000
    assert not any(set(line) <= set("*=-~") for line in lines), "no underlines"
    long = [line for line in lines if len(line) > 90]
    assert len(set(long)) > 0.97 * len(long)


def test_a_damaged_archive_is_one_error(tmp_path):
    whole = gzip.compress(b"a text of several words\n" * 500, mtime=0)
    rng = random.Random(0)
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(rng.randint(1, 4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        (tmp_path / "damaged").write_bytes(data[: rng.randrange(1, len(data))] if rng.random() < 0.5 else data)
        with contextlib.suppress(DataError):
            corpora.load(str(tmp_path / "damaged"))


@with_data
def test_wikitext_has_its_published_sizes(data):
    corpus = corpora.load("wikitext-2")
    parts = corpus.train, corpus.valid, corpus.test
    assert [len(part) for part in parts] == [36_718, 3_760, 4_358]
    assert [sum(map(len, part)) for part in parts] == [2_051_910, 213_886, 241_211]


@with_data
@pytest.mark.parametrize("name", ["multi30k-en", "multi30k-de", "tinyshakespeare"])
def test_other_texts_are_whole(data, name):
    corpus = corpora.load(name)
    assert all(len(part) >= 1000 for part in (corpus.train, corpus.valid, corpus.test))
    assert all(words == [w.lower() for w in words] for words in corpus.test)
