"""The benchmarks of speech: ways that take turns, ratios the right way round, and what is timed computes what it should."""

import sys

import numpy as np
import pytest

from benchmarks import speech_ctc, speech_decoding, speech_features, speech_hmm, thousand_words, turns
from benchmarks.rows import row
from minidl.speech import dnn_hmm
from minidl.speech.extraction import FeatureSettings
from minidl.speech.files import save_acoustic
from minidl.speech.lexicon import digits
from minidl.speech.phones import AcousticModel


def test_ways_take_turns_after_one_that_does_not_count():
    calls = []
    taken = turns.take_turns({"ours": lambda: calls.append("ours"), "theirs": lambda: calls.append("theirs")}, 3)
    assert calls == ["ours", "theirs"] * 4
    assert {name: len(seconds) for name, seconds in taken.items()} == {"ours": 3, "theirs": 3}


def test_a_ratio_above_one_means_that_we_are_faster():
    assert turns.speed_ratio([0.1, 0.2, 0.4], [0.3, 0.6, 0.4]) == pytest.approx(3.0)


def test_a_report_says_what_is_short(capsys):
    turns.report({"minidl": [0.1], "slow": [0.3], "fast": [0.15]}, {"slow": 3.0 - 1e-9, "fast": 2.0})
    ours, slow, fast = capsys.readouterr().out.splitlines()
    assert "100.00 ms" in ours and "times" not in ours
    assert "3.00 times ours" in slow and "short" not in slow
    assert "1.50 times ours (to reach: 2, short)" in fast


def test_what_is_not_installed_is_left_out_with_a_hint(capsys):
    assert turns.installed("numpy", "numpy") and not turns.installed("no_such_module", "no-such-package")
    assert "pip install no-such-package" in capsys.readouterr().out


def test_ctc_rows_have_labels_and_lengths_of_utterances():
    r = row("ctc-lstm")
    inputs, labels = r.data()
    assert inputs.shape == (100, 32, 120) and labels.shape == (32, 30)
    assert labels.min() >= 1 and labels.max() < r.classes  # class 0 is the blank
    n_frames, n_labels = r.lengths()
    assert n_frames.tolist() == [100] * 32 and n_labels.tolist() == [30] * 32


@pytest.mark.parametrize(
    "module, arguments, expected",
    [
        (speech_features, ["--seconds", "1"], "kaldi, a 16-bit recording"),
        (speech_hmm, ["--sequences", "4", "--frames", "12"], "Baum-Welch"),
        (speech_ctc, ["--utterances", "2", "--frames", "20", "--spoken", "3"], "minidl: "),
    ],
    ids=["features", "hmm", "ctc"],
)
def test_programs_run_with_whatever_is_installed(module, arguments, expected, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["benchmark", *arguments, "--rounds", "1"])
    module.main()
    assert expected in capsys.readouterr().out


def test_a_difference_of_the_numbers_is_shown(capsys):
    samples = speech_features.recording(1)
    profile = speech_features.get_profile("kaldi")
    other = speech_features.Frontend(profile).mfcc(samples, speech_features.RATE)
    speech_features.compare(profile, samples, "other", lambda: other + 0.25, None, 1)
    out = capsys.readouterr().out
    assert "largest difference 0.25" in out and "minidl, float32" in out


def test_random_sentences_are_recognised():
    decoder, said, scores = thousand_words.make(30, 3)
    assert [list(decoder.decode(own).best().words) for own in scores] == said
    assert len(said) == 3 and all(len(words) == 8 for words in said)


def test_the_bigram_is_a_grammar_whose_probabilities_sum_to_one():
    grammar = thousand_words.Bigram(("a", "b", "c"), np.random.default_rng(0))
    states = [grammar.start(), *(grammar.advance(0, word) for word in range(3))]
    assert len(set(states)) == 4
    sums = [np.exp(grammar.log_probs(state)).sum() + np.exp(grammar.end(state)) for state in states]
    np.testing.assert_allclose(sums, 1.0, rtol=1e-5)


@pytest.fixture(scope="module")
def trained():
    corpus = speech_decoding.load("synthetic", n_train=4, n_test=1)
    return speech_decoding.trained(corpus.train, corpus.lexicon)


def test_a_recogniser_is_trained_or_loaded_from_a_run(trained, tmp_path):
    model, lexicon, settings = trained
    assert isinstance(model, AcousticModel) and lexicon.words == digits().words
    save_acoustic(tmp_path / "gmm-mono.safetensors", model, lexicon, settings)
    again, *others = speech_decoding.loaded(tmp_path, "gmm-mono")
    frames = np.zeros((3, model.emission.model.n_features))
    np.testing.assert_array_equal(again.emission.log_likelihood(frames), model.emission.log_likelihood(frames))
    assert others[0].words == lexicon.words and others[1] == settings


def test_a_network_of_a_run_scores_the_states_of_its_triphones(trained, tmp_path):
    model, lexicon, settings = trained
    save_acoustic(tmp_path / "gmm-tri.safetensors", model, lexicon, settings)
    n = model.tying.n_pdfs
    emission = dnn_hmm.NetworkEmission(dnn_hmm.make_network("relu", 40, 1, n, units=4, rng=0), np.full(n, 1 / n))
    own = FeatureSettings("fbank", n_filters=40, order=0)
    dnn_hmm.save(tmp_path / "dnn.safetensors", emission, {"features": own.as_dict()})
    again, _, of_network = speech_decoding.loaded(tmp_path, "dnn")
    frames = np.ones((3, 40), np.float32)
    np.testing.assert_array_equal(again.emission.log_likelihood(frames), emission.log_likelihood(frames))
    assert of_network == own and again.phones.names == model.phones.names


def test_a_run_that_is_not_there_is_refused_in_a_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["benchmark", "--run", str(tmp_path)])
    with pytest.raises(SystemExit):
        speech_decoding.main()
    assert "gmm-mono.safetensors" in capsys.readouterr().err.splitlines()[-1]


def test_real_time_factors_are_seconds_for_each_second_of_speech(capsys):
    factors = speech_decoding.report({"search": [0.3, 0.1, 0.2]}, speech=10.0)
    assert factors == {"search": pytest.approx(0.02)}
    assert "real-time factor 0.0200 (best 0.0100), 200 us a frame" in capsys.readouterr().out


def test_digits_are_measured_step_by_step(monkeypatch, trained, capsys):
    monkeypatch.setattr(speech_decoding, "trained", lambda *_: trained)
    monkeypatch.setattr(sys, "argv", ["benchmark", "--utterances", "1", "--words", "20", "--rounds", "1"])
    speech_decoding.main()
    out = capsys.readouterr().out
    for expected in ("digits of synthetic", "features: ", "scores: ", "search: ", "together: ", "20 random words"):
        assert expected in out
