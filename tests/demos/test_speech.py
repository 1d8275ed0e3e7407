"""The commands of the speech demo: train, decode and align on a tiny folder, and one line for each mistake."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from speech_folder import RATE, WORDS, tiny_settings, write_folder

from demos.common import run_main
from demos.speech import recognisers, task
from demos.speech.__main__ import main
from minidl.speech import archives, corpora, wer
from minidl.speech.audio import Audio, read, write_wav
from minidl.speech.lexicon import read_lexicon
from minidl.speech.segments import boundary_errors, parse_ctm, parse_textgrid

UNUSABLE = {"silent": "a transcript without audio", "untold": "audio without a transcript", "foreign": "four"}


def run(*arguments):
    return run_main(main, [str(a) for a in arguments])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with three utterances that cannot be used, all recognisers of it, and what was printed."""
    place = tmp_path_factory.mktemp("speech")
    folder, models = place / "own", place / "run"
    truth = write_folder(folder, 24)
    with open(folder / "text", "a") as f:
        f.write("silent one\nforeign one four\n")
    with open(folder / "wav.scp", "a") as f:
        f.write("untold u00.wav\nforeign u00.wav\n")
    with open(folder / "utt2spk", "a") as f:
        f.write("silent s0\nuntold s0\nforeign s0\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(task, "settings_for", tiny_settings)
        assert run("train", folder, "--run", models, "--until", "ctc", "--json", place / "figures.json") == 0
    return SimpleNamespace(folder=folder, run=models, truth=truth, figures=json.loads((place / "figures.json").read_text()))


def test_training_leaves_all_rungs_and_counts_what_it_sets_aside(trained):
    rungs = ["gmm-mono", "gmm-tri", "dnn", "dnn-realigned", "ctc"]
    rates = trained.figures["wer"]["own"]
    assert list(rates) == list(trained.figures["rungs"]) == rungs and rates["gmm-mono"] < 0.2
    assert json.loads((trained.run / "figures.json").read_text()) == trained.figures
    assert trained.figures["set_aside"].keys() == UNUSABLE.keys()
    assert all(why in trained.figures["set_aside"][name] for name, why in UNUSABLE.items())
    setup = recognisers.load_setup(trained.run)
    assert {name: own.rate for name, own in setup.rungs.items()} == rates


@pytest.mark.parametrize("rung", ["gmm-mono", "gmm-tri", "dnn", "dnn-realigned", "ctc"])
def test_every_rung_decodes_as_it_was_measured(trained, tmp_path, rung, capsys):
    """The speaker of the folder's test part, all files normalised together, has as many errors as the training said."""
    test = [u.name for u in corpora.load(trained.folder).test]
    paths = [trained.folder / f"{name}.wav" for name in test]
    options = ["--rung", rung, "--one-speaker", "--n-best", 3, "--json", tmp_path / "found.json"]
    assert run("decode", trained.run, *paths, *options) == 0
    found, out = json.loads((tmp_path / "found.json").read_text()), capsys.readouterr().out
    assert found["rung"] == rung and list(found["sentences"]) == test
    for name, sentences in found["sentences"].items():
        scores = [s["score"] for s in sentences]
        assert scores == sorted(scores, reverse=True) and len({tuple(s["words"]) for s in sentences}) == len(sentences)
        assert [s["label"] for s in sentences[0]["segments"]] == (sentences[0]["words"] if rung != "ctc" else [])
        assert f"{name}: {' '.join(sentences[0]['words'])}\n" in out
    said = {name: trained.truth[name].words for name in test}
    score = wer.score(said, {name: sentences[0]["words"] for name, sentences in found["sentences"].items()})
    assert score.total.rate == trained.figures["wer"]["own"][rung]


def test_the_rung_with_fewest_errors_is_taken_of_those_that_are_there(trained, tmp_path, capsys):
    for path in trained.run.iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    told = json.loads((tmp_path / "recogniser.json").read_text())
    for rates, best in (
        ({"gmm-mono": 0.2, "gmm-tri": 0.1, "dnn": 0.3, "dnn-realigned": 0.1, "ctc": 0.4}, "dnn-realigned"),
        ({"gmm-mono": 0.2, "gmm-tri": 0.3, "dnn": 0.3, "dnn-realigned": 0.3, "ctc": 0.4}, "gmm-mono"),
        (dict.fromkeys(told["rungs"]), "dnn-realigned"),
    ):
        for name, rate in rates.items():
            told["rungs"][name]["rate"] = rate
        (tmp_path / "recogniser.json").write_text(json.dumps(told))
        assert recognisers.make_ready(tmp_path).weights.name == best
    (tmp_path / "dnn-realigned.safetensors").unlink()
    assert recognisers.make_ready(tmp_path).weights.name == "dnn"
    for name, rung in (("gmm-tri.safetensors", "dnn"), ("grammar.arpa", "gmm-mono"), ("aligner.safetensors", "gmm-mono")):
        (tmp_path / name).unlink()
        assert run("decode", tmp_path, trained.folder / "u00.wav", "--rung", rung) == 1
        error = capsys.readouterr().err
        assert error.startswith("error: ") and error.count("\n") == 1 and name in error


def test_words_and_lattices_are_written(trained, tmp_path, capsys):
    paths = [trained.folder / "u00.wav", trained.folder / "u01.wav", trained.folder / "u00.wav"]
    words, lattice = tmp_path / "new" / "words.ctm", tmp_path / "lattice.txt"
    assert run("decode", trained.run, *paths, "--rung", "gmm-mono", "--words-out", words, "--lattice", lattice) == 0
    found = parse_ctm(words.read_text())
    assert list(found) == ["u00", "u01"]
    for name, segments in found.items():
        true = trained.truth[name].word_segments
        assert [s.label for s in segments] == [s.label for s in true]
        assert np.abs(boundary_errors(segments, true)).max() < 0.08
        frames = (np.array([s.start for s in segments]) - 0.0075) / 0.01  # a frame's 10 ms begin 7.5 ms after its samples
        np.testing.assert_allclose(frames, frames.round(), rtol=0, atol=1e-6)
    names = [block.split("\n")[0] for block in lattice.read_text().strip().split("\n\n")]
    assert names == ["u00", "u01"] and lattice.read_text().split("\n")[1].startswith("0 ")
    assert capsys.readouterr().out.count("u00:") == 1


def test_files_of_any_kind_rate_and_channel_decode_alike(trained, tmp_path, capsys):
    audio = read(trained.folder / "u03.wav", rate=16000)
    soundfile.write(tmp_path / "a b.flac", np.stack([np.zeros_like(audio.samples), audio.samples], 1), 16000)
    write_wav(tmp_path / "low.wav", read(trained.folder / "u03.wav", rate=6000))
    assert run("decode", trained.run, tmp_path / "a b.flac", "--channel", 1, "--rung", "gmm-mono") == 0
    assert run("decode", trained.run, tmp_path / "low.wav", "--rung", "gmm-mono") == 0
    out = capsys.readouterr()
    assert f"a_b: {' '.join(trained.truth['u03'].words)}\n" in out.out
    assert "low has 6000 Hz, and the models know speech of 8000 Hz" in out.err


@pytest.mark.parametrize("rung", ["gmm-mono", "dnn", "ctc"])
def test_silence_and_a_single_frame_do_not_crash(trained, tmp_path, rung, capsys):
    write_wav(tmp_path / "zeros.wav", Audio(np.zeros(RATE, np.int16), RATE))
    rng = np.random.default_rng(0)
    write_wav(tmp_path / "frame.wav", Audio(rng.integers(-9, 9, 200).astype(np.int16), RATE))
    write_wav(tmp_path / "hum.wav", Audio(rng.integers(-2, 2, RATE).astype(np.int16), RATE))
    assert run("decode", trained.run, tmp_path / "hum.wav", tmp_path / "frame.wav", "--rung", rung) == 0
    assert "hum:" in capsys.readouterr().out
    assert run("decode", trained.run, tmp_path / "zeros.wav", "--rung", rung) == 1
    assert "zeros: the recording is silent" in capsys.readouterr().err


def test_one_file_is_aligned(trained, tmp_path, capsys):
    spoken = trained.truth["u05"]
    arguments = ["align", trained.run, trained.folder / "u05.wav", "--words", " ".join(spoken.words)]
    assert run(*arguments) == 0
    printed = parse_ctm(capsys.readouterr().out)["u05"]
    assert run(*arguments, "--out", tmp_path, "--json", tmp_path / "found.json", "--ark", tmp_path / "a.ark") == 0
    grid = parse_textgrid((tmp_path / "u05.TextGrid").read_text())
    assert grid["words"] == printed == parse_ctm((tmp_path / "words.ctm").read_text())["u05"]
    phones = parse_ctm((tmp_path / "phones.ctm").read_text())["u05"]
    assert grid["phones"] == phones
    spoken_phones = [phone for word in spoken.words for phone in WORDS[word].split()]
    assert [s.label for s in phones if s.label != "SIL"] == spoken_phones
    assert np.abs(boundary_errors(printed, spoken.word_segments)).max() < 0.08
    states = archives.read_alignments(tmp_path / "a.ark")["u05"]
    assert len(states) == 1 + (len(spoken.audio.samples) - 200) // 80  # frames of 25 ms, 10 ms apart
    assert [s["label"] for s in json.loads((tmp_path / "found.json").read_text())["utterances"]["u05"]["words"]] == [
        *spoken.words
    ]


def test_a_folder_is_aligned_but_for_what_cannot_be(trained, tmp_path, capsys):
    assert run("align", trained.run, "--data", trained.folder, "--out", tmp_path, "--format", "ctm") == 0
    assert parse_ctm((tmp_path / "words.ctm").read_text()).keys() == trained.truth.keys()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["phones.ctm", "words.ctm"]
    error = capsys.readouterr().err
    assert all(f"set aside: {name}: " in error for name in UNUSABLE) and "24 utterances aligned, 3 set aside" in error
    assert run("align", trained.run, "--data", trained.folder, "--part", "test") == 0
    assert len(parse_ctm(capsys.readouterr().out)) == 6


def test_an_utterances_name_leads_to_no_other_folder(trained, tmp_path):
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "lexicon.txt").write_text("one W AH N\ntwo T UW\nthree TH R IY\n")
    said = " ".join(trained.truth["u00"].words)
    (folder / "text").write_text(f"../up {said}\n..%2Fup {said}\n")
    (folder / "wav.scp").write_text(f"../up {trained.folder}/u00.wav\n..%2Fup {trained.folder}/u00.wav\n")
    assert run("align", trained.run, "--data", folder, "--out", tmp_path / "out", "--format", "textgrid") == 0
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["..%252Fup.TextGrid", "..%2Fup.TextGrid"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "own"]


def test_training_without_anything_to_measure_on(tmp_path, monkeypatch, capsys):
    """Two utterances are too few to hold one out; so is any number with --all."""
    monkeypatch.setattr(task, "settings_for", tiny_settings)
    truth = write_folder(tmp_path / "few", 2)
    write_folder(tmp_path / "more", 6)
    for folder, options in ((tmp_path / "few", []), (tmp_path / "more", ["--all"])):
        models = tmp_path / f"{folder.name} run"
        assert run("train", folder, "--run", models, "--until", "gmm-mono", *options) == 0
        assert "there is no word error rate" in capsys.readouterr().out
        assert run("decode", models, folder / "u00.wav") == 0
        out = capsys.readouterr()
        assert out.out.startswith(f"u00: {' '.join(truth['u00'].words)}\n") and "gmm-mono\n" in out.err
        assert run("train", folder, "--run", models, "--until", "gmm-mono", *options, "--resume") == 0
        assert "pass 1" not in capsys.readouterr().err


def test_several_processes_are_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("demos.speech.train.comm.world", lambda: SimpleNamespace(size=2))
    assert run("train", tmp_path, "--run", tmp_path / "run") == 1
    assert "one process is enough" in capsys.readouterr().err and not list(tmp_path.iterdir())


MISTAKES = [
    (["decode", "none", "WAV"], "no run called none"),
    (["decode", "EMPTY", "WAV"], "holds no recogniser.json: `python -m demos.speech train` writes one"),
    (["decode", "ABOVE", "WAV"], "take one of those inside of it, such as"),
    (["decode", "PART", "WAV", "--rung", "dnn"], "has no dnn; it has gmm-mono"),
    (["decode", "RUN", "WAV", "--rung", "aligner"], "invalid choice"),
    (["decode", "RUN", "none.wav"], "cannot read none.wav"),
    (["decode", "RUN", "EMPTY"], "Is a directory"),
    (["decode", "RUN", "text.wav"], "text.wav: "),
    (["decode", "RUN", "WAV", "cut.wav", "--words-out", "out.ctm"], "cut.wav: "),
    (["decode", "RUN", "stereo.wav"], "has 2 channels; take one by"),
    (["decode", "RUN", "stereo.wav", "--channel", "2"], "there is no channel 2"),
    (["decode", "RUN", "WAV", "--channel", "-1"], "not negative"),
    (["decode", "RUN", "short.wav"], "short: "),
    (["decode", "RUN", "nan.wav"], "nan.wav: sample 5 is nan"),
    (["decode", "RUN", "loud.wav"], "loud: features: floats must be in -1 to 1"),
    (["decode", "RUN", "WAV", "--rung", "ctc", "--lattice", "out.txt"], "does not know when words are said"),
    (["decode", "RUN", "WAV", "--rung", "ctc", "--words-out", "out.ctm"], "does not know when words are said"),
    (["decode", "RUN", "WAV", "--words-out", "text.wav/out.ctm"], "cannot write text.wav/out.ctm"),
    (["decode", "RUN", "WAV", "--n-best", "0"], "at least 1"),
    (["align", "EMPTY", "WAV", "--words", "one"], "holds no aligner.safetensors"),
    (["align", "RUN", "WAV", "--words", "one four"], "'four'"),
    (["align", "RUN", "WAV", "--words", "  "], "say in --words what is said"),
    (["align", "RUN", "WAV"], "say in --words what is said"),
    (["align", "RUN"], "either a FILE with its --words, or --data"),
    (["align", "RUN", "WAV", "--data", "FOLDER"], "either a FILE with its --words, or --data"),
    (["align", "RUN", "WAV", "--words", "one", "--part", "test"], "--part is of --data"),
    (["align", "RUN", "--data", "FOLDER", "--words", "one"], "the words are known"),
    (["align", "RUN", "--data", "none"], "no corpus called 'none'"),
    (["align", "RUN", "--data", "EMPTY"], "no lexicon; write lexicon.txt"),
    (["align", "RUN", "WAV", "--words", "three " * 200, "--out", "out"], "cannot be aligned to its 200 words"),
    (["align", "RUN", "WAV", "--words", "one", "--out", "text.wav"], "cannot write text.wav"),
    (["align", "RUN", "short.wav", "--words", "one"], "short: "),
    (["train", "none", "--run", "out"], "no corpus called 'none'"),
    (["train", "EMPTY", "--run", "out"], "no lexicon; write lexicon.txt"),
    (["train", "FOLDER", "--run", "text.wav"], "cannot write to text.wav"),
    (["train", "FOLDER", "--run", "out", "--network", "magic"], "--network magic: choose one of"),
    (["sing"], "invalid choice"),
]


@pytest.mark.parametrize("arguments, says", MISTAKES, ids=range(len(MISTAKES)))
def test_a_mistake_is_one_line_and_writes_nothing(trained, tmp_path, arguments, says, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    samples = read(trained.folder / "u00.wav").samples
    (tmp_path / "empty").mkdir()
    (tmp_path / "part").mkdir()
    for name in ("aligner.safetensors", "gmm-mono.safetensors", "recogniser.json", "grammar.arpa"):
        (tmp_path / "part" / name).write_bytes((trained.run / name).read_bytes())
    (tmp_path / "text.wav").write_text("no audio\n" * 20)
    (tmp_path / "cut.wav").write_bytes((trained.folder / "u00.wav").read_bytes()[:3000])
    soundfile.write("stereo.wav", np.stack([samples, samples], 1), RATE)
    write_wav("short.wav", Audio(np.ones(150, np.int16), RATE))
    write_wav("loud.wav", Audio(samples * np.float32(1e5), RATE))
    broken = samples.copy()
    broken[5] = np.nan
    write_wav("nan.wav", Audio(broken, RATE))
    before = sorted(tmp_path.rglob("*"))
    places = {
        "RUN": trained.run, "PART": "part", "EMPTY": "empty", "ABOVE": trained.run.parent, "FOLDER": trained.folder,
        "WAV": trained.folder / "u00.wav",
    }  # fmt: skip
    assert run(*[places.get(a, a) for a in arguments]) == 1
    *_, last = capsys.readouterr().err.splitlines()
    assert last.startswith("error: ") and says in last
    new = set(tmp_path.rglob("*")) - set(before)
    assert not [path for path in new if path.is_file()]


def test_the_lexicon_is_that_of_the_folder(trained):
    saved = recognisers.load_aligner(trained.run)
    told = read_lexicon(trained.folder / "lexicon.txt")
    assert saved.lexicon.words == told.words and saved.settings.rate == RATE
    assert [saved.lexicon.pronunciations(w) for w in told.words] == [told.pronunciations(w) for w in told.words]
