"""A user's own folder: what can be used is, what cannot is named, and a mistake costs no more than its line."""

import contextlib
import random

import numpy as np
import pytest

from minidl.errors import ArgumentError, DataError
from minidl.speech import corpora
from minidl.speech.audio import Audio, write_wav
from minidl.speech.corpora.folder import hold_out
from minidl.speech.corpora.kaldi_files import read_recordings, read_segments, read_speakers, read_table, read_transcripts

LEXICON = "yes Y EH S\nno N OW\n"


def write_audio(path, seconds=0.5, rate=8000):
    write_wav(path, Audio((np.arange(int(seconds * rate)) % 1000).astype(np.int16), rate))


def write(folder, **files):
    """Files by their names, in which a dot is written as __."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text, newline="")
    return folder


@pytest.fixture
def folder(tmp_path):
    """Twelve good utterances by four speakers."""
    folder = tmp_path / "mine"
    names = [f"{speaker}-{i}" for speaker in "abcd" for i in range(3)]
    write(
        folder,
        wav__scp="".join(f"{name} wavs/{name}.wav\n" for name in names),
        text="".join(f"{name} yes no\n" for name in names),
        utt2spk="".join(f"{name} {name[0]}\n" for name in names),
        lexicon__txt=LEXICON,
    )
    (folder / "wavs").mkdir()
    for name in names:
        write_audio(folder / "wavs" / f"{name}.wav")
    return folder


def add(folder, name, line):
    with (folder / name).open("a") as f:
        f.write(line + "\n")


def everything(corpus):
    return {u.name: u for part in (corpus.train, corpus.dev, corpus.test) for u in part}


def test_a_folder_is_cut_by_speaker(folder):
    corpus = corpora.load(folder)
    assert (corpus.name, corpus.rate, corpus.isolated) == ("mine", 8000, False) and not corpus.set_aside
    assert [len(part) for part in (corpus.train, corpus.dev, corpus.test)] == [6, 3, 3]
    heard = [{u.speaker for u in part} for part in (corpus.train, corpus.dev, corpus.test)]
    assert sorted(len(s) for s in heard) == [1, 1, 2] and set.union(*heard) == set("abcd")
    utterance = everything(corpus)["c-1"]
    assert (utterance.speaker, utterance.words, utterance.segments) == ("c", ("yes", "no"), ())
    assert utterance.read().samples.tolist() == [i % 1000 for i in range(4000)]
    again = corpora.load(str(folder))
    assert [u.name for u in again.test] == [u.name for u in corpus.test], "always the same cut"


def test_one_speaker_is_cut_by_utterance(folder):
    write(folder, utt2spk="".join(f"{name} one\n" for name in everything(corpora.load(folder))))
    corpus = corpora.load(folder)
    assert [len(part) for part in (corpus.train, corpus.dev, corpus.test)] == [10, 1, 1]
    assert len(everything(corpus)) == 12


def test_a_tenth_is_held_out():
    utterances = [corpora.Utterance(f"u{i}", f"s{i // 4}", ("yes",), lambda: None) for i in range(160)]
    cut = hold_out(utterances, ["dev", "test"])
    assert [len(cut[part]) for part in ("train", "dev", "test")] == [128, 16, 16]
    assert len({u.name for part in cut.values() for u in part}) == 160
    assert not {u.speaker for u in cut["train"]} & {u.speaker for u in (*cut["dev"], *cut["test"])}
    assert cut["train"] == tuple(u for u in utterances if u in cut["train"]), "in the old order"
    assert {u.speaker for u in cut["dev"]} != set(sorted({u.speaker for u in utterances})[:4]), "at random"
    assert [len(part) for part in hold_out(utterances[:2], ["dev", "test"]).values()] == [2, 0, 0]
    assert hold_out(utterances, []) == {"train": tuple(utterances)}


def test_without_speakers_each_utterance_has_its_own(folder):
    (folder / "utt2spk").unlink()
    assert {u.speaker for u in everything(corpora.load(folder)).values()} == everything(corpora.load(folder)).keys()


def test_parts_of_ones_own(folder, tmp_path):
    top = tmp_path / "parts"
    whole = (folder / "wav.scp").read_text().replace("wavs/", f"{folder}/wavs/").splitlines(keepends=True)
    for part, lines in (("train", slice(0, 7)), ("test", slice(6, 12))):
        text = "".join(f"{line.split()[0]} no\n" for line in whole[lines])
        write(top / part, wav__scp="".join(whole[lines]), text=text)
    write(top / "local" / "dict", lexiconp__txt="no 1.0 N OW\nno 0.5 N AH\n")
    corpus = corpora.load(top)
    assert corpus.set_aside == {"test/c-0": "another part has an utterance of this name too"}
    assert [u.name for u in corpus.test] == ["c-1", "c-2", "d-0", "d-1", "d-2"]
    assert len(corpus.train) == 6 and len(corpus.dev) == 1 and corpus.isolated
    assert corpus.lexicon.pronunciations("no")[1].log_prob == pytest.approx(np.log(0.5))
    (top / "test" / "text").write_text("".join(f"{line.split()[0]} no\n" for line in whole[7:]))
    assert "no" in corpora.load(top).lexicon


@pytest.mark.parametrize("where", ["mine", ".", "here"])
def test_relative_paths_are_seen_from_three_places(folder, tmp_path, monkeypatch, where):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    (tmp_path / where).mkdir(exist_ok=True)
    write_audio(tmp_path / where / "other clip.wav", 0.25)
    add(folder, "wav.scp", "x other clip.wav")
    add(folder, "text", "x no")
    add(folder, "utt2spk", "x a")
    assert everything(corpora.load(folder))["x"].read().seconds == 0.25


def test_problems_are_collected(folder):
    for name, wav, text, speaker in [
        ("mute", "wavs/a-0.wav", None, "a"),
        ("unheard", None, "yes", "a"),
        ("empty", "wavs/a-0.wav", "", "a"),
        ("unknown", "wavs/a-0.wav", "yes perhaps no perhaps maybe", "a"),
        ("gone", "wavs/gone.wav", "yes", "a"),
        ("nowhere", "", "yes", "a"),
        ("nobody", "wavs/a-0.wav", "yes", None),
        ("crowd", "wavs/a-0.wav", "yes", "a b"),
    ]:
        for file, value in (("wav.scp", wav), ("text", text), ("utt2spk", speaker)):
            if value is not None:
                add(folder, file, f"{name} {value}")
    add(folder, "text", "b-0 no")
    add(folder, "wav.scp", "b-1 wavs/b-1.wav")
    corpus = corpora.load(folder)
    assert len(everything(corpus)) == 10
    places = f"{folder}, {folder.parent}, ."
    assert corpus.set_aside == {
        "mute": "audio without a transcript",
        "unheard": "a transcript without audio",
        "empty": f"its transcript in {folder}/text is empty",
        "unknown": "not in the lexicon: perhaps, maybe",
        "gone": f"no file wavs/gone.wav, seen from {places}",
        "nowhere": f"no file in {folder}/wav.scp",
        "nobody": "not in utt2spk",
        "crowd": f"{folder}/utt2spk should name one speaker, not 'a b'",
        "b-0": f"more than once in {folder}/text",
        "b-1": f"more than once in {folder}/wav.scp",
    }
    assert corpora.describe(corpus)[-1].startswith("  set aside: 10, the first is ")


@pytest.mark.parametrize("name", ["wav.scp", "text", "lexicon.txt"])
def test_a_missing_file_is_said(folder, name):
    (folder / name).unlink()
    with pytest.raises(DataError, match=f"no (file|lexicon).*{name[:3]}"):
        corpora.load(folder)


def test_nothing_left_is_said(folder):
    write(folder, lexicon__txt="perhaps P AH\n")
    with pytest.raises(
        DataError, match=r"mine: no utterance to train on is left; 12 set aside, the first a-0: not in the lex"
    ):
        corpora.load(folder)
    write(folder, text="", wav__scp="")
    with pytest.raises(DataError, match=r"none of its recordings can be read; the first: wav\.scp is empty"):
        corpora.load(folder)


def test_a_command_is_not_run(folder, tmp_path):
    add(folder, "wav.scp", f"x touch {tmp_path}/ran |")
    with pytest.raises(DataError, match=r"wav\.scp: x is a command, not a file \('touch .*minidl runs none") as caught:
        corpora.load(folder)
    assert "\n" not in str(caught.value) and not (tmp_path / "ran").exists()


def test_text_that_is_not_utf8_is_said_with_its_place(folder):
    (folder / "text").write_bytes(b"a-0 yes\na-1 n\xff\n")
    with pytest.raises(DataError, match="text, line 2, byte 13: not UTF-8"):
        corpora.load(folder)


def test_ends_of_lines_tabs_and_marks(tmp_path):
    (tmp_path / "t").write_bytes("\ufeffa\tx  y \r\n\r\n  b \n\u00a0c\u2003 z\n".encode())
    assert read_table(tmp_path / "t") == {"a": "x  y", "b": "", "\u00a0c\u2003": "z"}


# -- reading ---------------------------------------------------------------------------------------------


def test_audio_that_cannot_be_read_is_named_when_it_is(folder):
    (folder / "wavs" / "b-1.wav").write_bytes(b"RIFF")
    corpus = corpora.load(folder)
    with pytest.raises(DataError, match=r"utterance b-1: .*wavs/b-1\.wav"):
        everything(corpus)["b-1"].read()
    assert any("cannot be read: 1, the first is b-1" in line for line in corpora.describe(corpus))
    (folder / "wavs" / "a-0.wav").unlink()
    with pytest.raises(DataError, match=r"utterance a-0: cannot read .*a-0\.wav"):
        everything(corpus)["a-0"].read()


def test_the_rate_is_that_of_the_first_and_the_others_follow(folder):
    (folder / "wavs" / "a-0.wav").write_bytes(b"")
    write_audio(folder / "wavs" / "a-1.wav", rate=16000)
    corpus = corpora.load(folder)
    assert corpus.rate == 16000
    assert {len(everything(corpus)[name].read().samples) for name in ("a-1", "b-0")} == {8000}
    corpus = corpora.load(folder, rate=4000)
    assert corpus.rate == 4000 and len(everything(corpus)["b-0"].read().samples) == 2000
    with pytest.raises(ArgumentError, match="rate"):
        corpora.load(folder, rate=3)
    for path in (folder / "wavs").iterdir():
        path.write_bytes(b"no audio")
    with pytest.raises(DataError, match=r"mine: none of its recordings can be read; the first: .*a-0\.wav"):
        corpora.load(folder)


@pytest.fixture
def cut(folder):
    """Stretches of one recording of half a second."""
    segments = "x a-0 0.1 0.2\nend a-0 0.25 -1\nround a-0 0.3 0.9\nlate a-0 0.5 0.6\nlong a-0 0 1.01\n"
    segments += "back a-0 0.3 0.2\nwhere q 0 1\nbad a-0 0\nnan a-0 nan 1\nlow a-0 -1 1\nx2 a-0 0 inf\n"
    names = [line.split()[0] for line in segments.splitlines()]
    text = "".join(f"{name} yes\n" for name in names)
    return write(folder, segments=segments, text=text, utt2spk=text.replace("yes", "a"))


def test_segments_are_stretches_of_recordings(cut):
    corpus = corpora.load(cut)
    found = everything(corpus)
    assert found["x"].read().samples.tolist() == [i % 1000 for i in range(800, 1600)]
    assert len(found["end"].read().samples) == 2000
    assert len(found["round"].read().samples) == 1600, "half a second too long is the recording's end"
    for name, says in (("late", "0.50 seconds, not 0.5 to 0.6"), ("long", "0.50 seconds, not 0 to 1.01")):
        with pytest.raises(DataError, match=f"utterance {name}: .*a-0.wav has {says}"):
            found[name].read()
    found["x"].read().samples[:] = 7
    assert found["x"].read().samples[0] == 800, "what a user does to samples stays with the user"


def test_segments_that_cannot_be_are_set_aside(cut):
    path = cut / "segments"
    assert corpora.load(cut).set_aside == {
        "back": f"{path}: it cannot go from 0.3 to 0.2 seconds",
        "where": "its recording q is not in wav.scp",
        "bad": f"{path} should name a recording, a start and an end, not 'a-0 0'",
        "nan": f"{path}: it cannot go from nan to 1 seconds",
        "low": f"{path}: it cannot go from -1 to 1 seconds",
        "x2": f"{path}: it cannot go from 0 to inf seconds",
    }


# -- any bytes at all ------------------------------------------------------------------------------------


def altered(data, rng):
    data = bytearray(data)
    for _ in range(rng.randint(1, 5)):
        place = rng.randrange(len(data))
        data[place : place + rng.randint(0, 3)] = rng.choice(
            [b"", b"\n", b" ", b"\0", b"|", b"\xff", b"a", b"9" * 400, b"/.."]
        )
    return bytes(data[: rng.randrange(1, len(data) + 1)] if rng.random() < 0.2 else data)


def test_altered_files_give_a_corpus_or_one_line(cut):
    rng = random.Random(0)
    names = ["wav.scp", "text", "utt2spk", "segments", "lexicon.txt"]
    good = {name: (cut / name).read_bytes() for name in names}
    loaded = 0
    for i in range(100):
        name = names[i % len(names)]
        (cut / name).write_bytes(altered(good[name], rng))
        try:
            corpus = corpora.load(cut)
        except DataError as error:
            assert "\n" not in str(error)
        else:
            loaded += 1
            for utterance in everything(corpus).values():
                with contextlib.suppress(DataError):
                    assert utterance.read().rate == corpus.rate
        (cut / name).write_bytes(good[name])
    assert loaded > 50


def test_random_bytes_in_the_small_files(tmp_path):
    rng = random.Random(0)
    path = tmp_path / "file"
    alphabet = [
        b"a",
        b"b",
        b" ",
        b"\t",
        b"\n",
        b"\r",
        b"0",
        b"-1",
        b"1e999",
        b"\xc3\xa9",
        b"\0",
        b"/",
        b".",
        b"|",
        b"\x1f\x8b",
        b"\x80",
    ]
    for _ in range(150):
        path.write_bytes(b"".join(rng.choices(alphabet[: rng.choice([13, 16])], k=rng.randrange(60))))
        for parse in (
            read_table,
            read_transcripts,
            read_speakers,
            lambda p: read_recordings(p, [tmp_path]),
            lambda p: read_segments(p, {}),
        ):
            with contextlib.suppress(DataError):
                parse(path)
