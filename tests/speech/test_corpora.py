"""Corpora by name: parts that share nothing, the sizes that are published, and strings without clicks."""

import os
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from minidl.errors import ArgumentError, DataError
from minidl.speech import corpora
from minidl.speech.corpora import FSDD_SPEAKERS, Corpus, Utterance, describe
from minidl.speech.corpora.strings import deal, join
from minidl.speech.lexicon import digits

DATA = Path(os.environ.get("MINIDL_DATA", Path(__file__).parents[3] / "shared" / "data"))
with_data = pytest.mark.skipif(not (DATA / "fsdd").is_dir(), reason="the data sets are not here")


@pytest.fixture
def data(monkeypatch):
    monkeypatch.setenv("MINIDL_DATA", str(DATA))


def parts(corpus):
    return corpus.train, corpus.dev, corpus.test


def sizes(corpus):
    return [len(part) for part in parts(corpus)]


def speakers(part):
    return {utterance.speaker for utterance in part}


def assert_sound(corpus):
    names = [u.name for part in parts(corpus) for u in part]
    assert len(set(names)) == len(names)
    assert corpus.lexicon.missing(w for part in parts(corpus) for u in part for w in u.words) == []
    assert not corpus.set_aside
    for part in parts(corpus):
        audio = part[0].read()
        assert audio.rate == corpus.rate and audio.samples.dtype in (np.int16, np.float32)
        assert 0.1 < audio.seconds < 20 and np.abs(audio.samples).max() > 0


def test_an_unknown_name_or_option_is_said():
    with pytest.raises(DataError, match="no corpus called 'none': give a folder, or one of synthetic, fsdd"):
        corpora.load("none")
    with pytest.raises(ArgumentError, match="synthetic: no option 'n'; it has n_train, n_dev, n_test, rate, seed"):
        corpora.load("synthetic", n=3)
    with pytest.raises(ArgumentError, match="an4: no option 'rate'; it has none"):
        corpora.load("an4", rate=8000)
    with pytest.raises(ArgumentError, match=r"held_out must be one of george, .*, not 'anna'"):
        corpora.load("fsdd", held_out="anna")
    with pytest.raises(ArgumentError, match="strings_per_speaker must be at least 1, got 0"):
        corpora.load("fsdd", strings_per_speaker=0)


def test_an_archive_that_is_not_here_or_is_damaged(monkeypatch, tmp_path):
    monkeypatch.setenv("MINIDL_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(DataError, match=r"an4-subset\.tar\.xz is not on this machine"):
        corpora.load("an4")
    (tmp_path / "fsdd").mkdir()
    (tmp_path / "fsdd" / "free-spoken-digit-dataset-recordings.tar.gz").write_bytes(b"no archive")
    with pytest.raises(DataError, match="damaged or another file"):
        corpora.load("fsdd-isolated")


# -- strings ---------------------------------------------------------------------------------------------


def test_every_recording_is_dealt_before_one_comes_again():
    strings = deal(range(40), np.random.default_rng(0), 30)
    assert {len(s) for s in strings} == {3, 4, 5, 6, 7}
    dealt = [recording for string in strings for recording in string]
    assert set(dealt[:40]) == set(dealt[40:80]) == set(range(40))
    assert dealt[:40] != dealt[40:80] != list(range(40))
    assert len(deal(range(450), np.random.default_rng(0))) == 90


def tone(n, level=8000.0, offset=0.0, noise=30.0):
    rng = np.random.default_rng(n)
    sound = level * np.sin(0.3 * np.arange(n)) * np.hanning(n) ** 2
    return np.round(sound + offset + noise * rng.standard_normal(n)).astype(np.int16)


def test_joined_recordings_keep_their_samples_and_lose_their_offset():
    pieces = [tone(1200), tone(1000, offset=400.0), tone(1500)]
    joined = join(pieces, 8000, np.random.default_rng(1))
    assert joined.dtype == np.int16
    place = 0
    for piece in pieces:
        middle = (piece - piece.mean())[100:-100]
        windows = np.lib.stride_tricks.sliding_window_view(
            joined[place : place + 3000 + len(middle)].astype(float), len(middle)
        )
        distance = np.abs(windows - middle).max(1)
        assert distance.min() <= 0.5 + 1e-9  # rounded, nothing else
        pause = distance.argmin() - 100
        assert 0.05 * 8000 - 1 <= pause <= 0.35 * 8000
        place += pause + len(piece)
    assert 0.05 * 8000 - 1 <= len(joined) - place <= 0.35 * 8000


def test_pauses_have_the_recordings_noise_and_no_clicks():
    pieces = [tone(4000, offset=offset) for offset in (0.0, 300.0, -300.0)]
    joined = join(pieces, 8000, np.random.default_rng(0)).astype(float)
    pause = joined[:400]  # the shortest
    assert 15 < pause.std() < 60
    assert np.abs(np.diff(joined)).max() < 1.05 * max(np.abs(np.diff(p.astype(float))).max() for p in pieces)


def test_recordings_that_begin_and_end_loud_do_not_click():
    loud = np.round(8000 * np.cos(2 * np.pi * np.arange(4001) / 800)).astype(np.int16)  # 63 from one sample to the next
    loud[1000:3000] = 0
    joined = join([loud] * 3, 8000, np.random.default_rng(0)).astype(float)
    assert np.abs(joined).max() > 7900 and np.abs(np.diff(joined)).max() < 8000 / 40 + 63 + 100


def test_pauses_have_the_spectrum_of_what_was_quietest():
    hum = (50 * np.sin(2 * np.pi * 0.1 * np.arange(4000))).astype(np.int16)
    loud = hum.copy()
    loud[1000:3000] += tone(2000)
    joined = join([loud] * 3, 8000, np.random.default_rng(0)).astype(float)
    power = np.abs(np.fft.rfft(joined[:400] * np.hanning(400))) ** 2
    assert power[30:51].sum() > 0.8 * power.sum()  # 40 is the tone


def test_shortest_recordings_join():
    assert len(join([tone(3)] * 3, 8000, np.random.default_rng(0))) > 9


# -- the recorded digits ---------------------------------------------------------------------------------


@with_data
def test_the_official_split(data):
    corpus = corpora.load("fsdd-isolated")
    assert sizes(corpus) == [2400, 300, 300] and corpus.isolated and corpus.rate == 8000
    assert_sound(corpus)
    assert {u.name.split("_")[2] for u in corpus.test} == set("01234")
    assert {u.name.split("_")[2] for u in corpus.dev} == set("56789")
    for part in parts(corpus):
        assert speakers(part) == set(FSDD_SPEAKERS)
        counts = Counter(u.words for u in part)
        assert len(counts) == 10 and set(counts.values()) == {len(part) // 10}
    seven = next(u for u in corpus.test if u.name == "7_lucas_3")
    assert (seven.words, seven.speaker) == (("seven",), "lucas")


@with_data
def test_a_speaker_held_out_is_heard_nowhere_else(data):
    corpus = corpora.load("fsdd-isolated", held_out="lucas")
    assert sizes(corpus) == [2250, 250, 500]
    assert speakers(corpus.test) == {"lucas"}
    assert speakers(corpus.train) == speakers(corpus.dev) == set(FSDD_SPEAKERS) - {"lucas"}
    assert_sound(corpus)


def takes(utterance):
    """The recordings a string is made of."""
    return [take.name for take in utterance.read.args[0]]


@with_data
@pytest.mark.parametrize("held_out", FSDD_SPEAKERS)
def test_strings_share_no_speaker_and_no_recording(data, held_out):
    corpus = corpora.load("fsdd", held_out=held_out)
    assert sizes(corpus) == [450, 50, 100] and not corpus.isolated
    assert_sound(corpus)
    assert speakers(corpus.test) == {held_out} and held_out not in speakers(corpus.train) | speakers(corpus.dev)
    used = [Counter(take for u in part for take in takes(u)) for part in parts(corpus)]
    assert not (used[0].keys() & used[1].keys() or used[0].keys() & used[2].keys() or used[1].keys() & used[2].keys())
    for counts, part in zip(used, parts(corpus), strict=True):
        assert max(counts.values()) <= 2 and 0.9 < counts.total() / sum(len(u.words) for u in part) <= 1
    assert len(used[0]) > 0.95 * 5 * 450 and len(used[2]) > 0.95 * 500
    for u in corpus.dev:
        assert 3 <= len(u.words) <= 7 and all(take.split("_")[1] == u.speaker for take in takes(u))
        assert [digits().words.index(w) for w in u.words] == [
            digits().words.index("zero one two three four five six seven eight nine".split()[int(t[0])]) for t in takes(u)
        ]


@with_data
def test_strings_are_the_same_each_time_and_other_ones_by_seed_and_part(data):
    first, second = (corpora.load("fsdd", strings_per_speaker=12) for _ in range(2))
    assert sizes(first) == [60, 50, 12]
    assert [u.words for u in first.train] == [u.words for u in second.train]
    np.testing.assert_array_equal(first.test[3].read().samples, second.test[3].read().samples)
    other = corpora.load("fsdd", strings_per_speaker=12, seed=1)
    assert [u.words for u in first.train] != [u.words for u in other.train]
    assert [u.words for u in first.train[:12]] != [u.words for u in first.train[12:24]]


@with_data
def test_strings_are_as_loud_as_their_recordings(data):
    corpus = corpora.load("fsdd", held_out="theo")
    for utterance in corpus.test[:5]:
        pieces = [take.read().samples.astype(float) for take in utterance.read.args[0]]
        joined = utterance.read().samples.astype(float)
        energy = sum(((p - p.mean()) ** 2).sum() for p in pieces)
        assert (joined**2).sum() == pytest.approx(energy, rel=0.1)


# -- AN4 -------------------------------------------------------------------------------------------------


@with_data
def test_an4_is_whole(data):
    corpus = corpora.load("an4")
    assert sizes(corpus) == [335, 34, 65] and corpus.rate == 16000
    assert [len(speakers(part)) for part in parts(corpus)] == [67, 7, 5]
    assert_sound(corpus)
    assert {name[0] for name in speakers(corpus.dev)} == {"f", "m"}
    for one, other in pairwise([*parts(corpus), corpus.train]):
        assert not speakers(one) & speakers(other)
    learned = {w for u in (*corpus.train, *corpus.dev) for w in u.words}
    assert len(learned) == 99 and {w for u in corpus.test for w in u.words} - learned == {"NOVEMBER"}
    assert corpus.train[3].words == ("A", "M", "Y") and corpus.test[0].words == tuple("RUBOUT G M E F THREE NINE".split())


@with_data
def test_an4_has_its_own_lexicon(data):
    lexicon = corpora.load("an4").lexicon
    assert len(lexicon.phones) == 34 and lexicon.silence == "SIL"
    assert [way.phones for way in lexicon.pronunciations("A")] == [("AH",), ("EY",)]
    assert "A(2)" not in lexicon
    trained = {
        p for u in corpora.load("an4").train for w in u.words for way in lexicon.pronunciations(w) for p in way.phones
    }
    assert trained == set(lexicon.phones) - {"SIL"}


# -- synthetic -------------------------------------------------------------------------------------------


def test_synthetic_parts_share_no_voice():
    corpus = corpora.load("synthetic")
    assert sizes(corpus) == [160, 20, 40]
    assert [len(speakers(part)) for part in parts(corpus)] == [16, 4, 8]
    voices = [{u.segments.voice_seed for u in part} for part in parts(corpus)]
    assert [len(v) for v in voices] == [16, 4, 8] and len(set.union(*voices)) == 28
    assert all(3 <= len(u.words) <= 7 for part in parts(corpus) for u in part)


@pytest.mark.parametrize("rate", [8000, 16000])
def test_synthetic_speech_comes_with_its_phones(rate):
    corpus = corpora.load("synthetic", n_train=3, n_dev=1, n_test=1, rate=rate)
    assert_sound(corpus)
    utterance = corpus.train[2]
    audio, segments = utterance.read(), utterance.segments
    assert utterance.read() is audio, "spoken once"
    assert segments[0].label == segments[-1].label == "SIL" and segments[0].start == 0
    assert segments[-1].end == pytest.approx(audio.seconds, abs=1e-3)
    assert all(a.end == b.start for a, b in pairwise(segments))
    again = corpora.load("synthetic", n_train=3, n_dev=1, n_test=1, rate=rate).train[2]
    np.testing.assert_array_equal(again.read().samples, audio.samples)
    assert list(again.segments) == list(segments)
    spoken = [s.label for s in segments if s.label != "SIL"]
    ways = [[""]]
    for word in utterance.words:
        ways.append([" ".join([way, *p.phones]).strip() for way in ways[-1] for p in corpus.lexicon.pronunciations(word)])
    assert " ".join(spoken) in ways[-1]


def test_synthetic_refuses_what_cannot_be():
    with pytest.raises(ArgumentError, match="needs utterances to train on, got 0, 20, 40"):
        corpora.load("synthetic", n_train=0)
    with pytest.raises(ArgumentError, match="rate must be one of 16000, 8000 Hz, got 11025"):
        corpora.load("synthetic", rate=11025)


def test_a_description_counts():
    corpus = corpora.load("synthetic", n_train=2, n_dev=1, n_test=0)

    def damaged():
        raise DataError("x.wav: damaged")

    bad = Utterance("bad", "x", ("one",), damaged)
    lines = describe(Corpus("mine", corpus.train, (bad,), (), corpus.lexicon, 16000, set_aside={"a": "no audio"}))
    hours = sum(u.read().seconds for u in corpus.train) / 3600
    words = sum(len(u.words) for u in corpus.train)
    assert lines == [
        "mine: 16000 Hz, 10 words in the lexicon",
        f"  train: utterances 2, speakers 1, hours {hours:.3f}, words {words}",
        "  dev: utterances 1, speakers 1, hours 0.000, words 1; cannot be read: 1, the first is bad",
        "  test: utterances 0, speakers 0, hours 0.000, words 0",
        "  set aside: 1, the first is a (no audio)",
    ]
