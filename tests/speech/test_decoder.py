"""The decoder finds what trying every word sequence finds, exactly, with and without context across words."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from speech.decoding_cases import Bigram, Histories, all_that_may_be_said, heard, random_recogniser

from minidl.errors import ArgumentError, DataError
from minidl.speech.decoder import Decoder, Loop, OneOf, time_decoding
from minidl.speech.decoder.grammar import typical_log_probs
from minidl.speech.decoder.memo import Memo
from minidl.speech.decoder.network import Network
from minidl.speech.decoder.search import Limits, Search
from minidl.speech.hmm import left_to_right
from minidl.speech.lexicon import Lexicon, Pronunciation, digits
from minidl.speech.phones import PhoneSet, monophones

EVERYTHING = {"beam": np.inf, "max_active": 10**9, "lattice_beam": np.inf}
CLOSE = {"rel": 1e-9, "abs": 1e-9}


def case(seed, triphones, memory, n_frames=None, longest=2, **options):
    phones, tying, lexicon, rng = random_recogniser(seed, triphones, **options)
    grammar = Histories(lexicon.words, rng, longest, memory)
    scores = rng.standard_normal((n_frames or rng.integers(1, 9), tying.n_pdfs)) * 6
    weight, penalty = float(rng.uniform(0.5, 8)), float(rng.choice([0.0, 0.8]))
    said = all_that_may_be_said(phones, tying, lexicon, grammar, scores, weight, penalty, longest)
    decoder = Decoder(phones, tying, lexicon, grammar, lm_weight=weight, insertion_penalty=penalty, **EVERYTHING)
    return said, decoder.decode(scores)


@pytest.mark.parametrize("triphones", [False, True])
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_best_words_are_those_of_all_that_may_be_said(triphones, seed):
    said, lattice = case(seed, triphones, memory=1)
    best = lattice.best()
    assert best.complete == bool(said)
    if said:
        assert best.score == pytest.approx(max(said.values()), **CLOSE)
        assert said[best.words] == pytest.approx(best.score, **CLOSE)


@pytest.mark.parametrize("triphones", [False, True])
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_n_best_are_all_in_order_where_the_grammar_remembers_all(triphones, seed):
    said, lattice = case(seed, triphones, memory=9)
    if said:
        found = lattice.n_best(1000)
        order = sorted(said, key=lambda words: -said[words])
        assert [h.score for h in found] == pytest.approx([said[words] for words in order], **CLOSE)
        assert {h.words: h.score for h in found} == pytest.approx(said, **CLOSE)


@pytest.mark.parametrize("seed", range(3))
def test_three_words_with_context(seed):
    said, lattice = case(seed, True, memory=1, n_frames=11, longest=3, n_words=2, n_phones=2)
    assert lattice.best().score == pytest.approx(max(said.values()), **CLOSE)
    for hypothesis in lattice.n_best(20):  # times may be those of another predecessor: never better, mostly equal
        assert hypothesis.score <= said[hypothesis.words] + 1e-9


def digit_decoder(grammar=Loop, **settings):
    lexicon = digits()
    phones = PhoneSet.of(lexicon.phones)
    return Decoder(phones, monophones(phones), lexicon, grammar(lexicon.words), **settings)


def clear_speech(names, frames_a_state=2, wrong=-30.0):
    """Scores where one state after the other is heard beyond doubt."""
    lexicon = digits()
    phones = PhoneSet.of(lexicon.phones)
    tying = monophones(phones)
    path = np.concatenate([tying.pdfs(0, phones.index(name), 0) for name in names]).repeat(frames_a_state)
    scores = np.full((len(path), tying.n_pdfs), wrong)
    scores[np.arange(len(path)), path] = 0.0
    return scores


def test_words_have_their_times():
    scores = clear_speech(["SIL", "T", "UW", "EY", "T", "SIL", "T", "UW"])
    best = digit_decoder(frame_shift=0.02).decode(scores).best()
    assert best.words == ("two", "eight", "two")
    expected = [(0.2, 0.44), (0.44, 0.68), (0.88, 1.12)]  # 5 states of silence, 3 of a phone, 2 frames each, 20 ms
    np.testing.assert_allclose([(s.start, s.end) for s in best.segments], expected, rtol=1e-12)
    assert [s.label for s in best.segments] == list(best.words)


def test_path_score_by_hand():
    lexicon = Lexicon({"a": [["A"]]}, silence_prob=0.2)
    phones = PhoneSet(["SIL", "A"], [left_to_right(1, 0.5), left_to_right(1, 0.75)], "SIL")
    decoder = Decoder(phones, monophones(phones), lexicon, OneOf(["a"]), lm_weight=2.0, insertion_penalty=0.3)
    best = decoder.decode(np.array([[-90.0, -1.0], [-90.0, -2.0], [-4.0, -90.0]])).best()
    assert best.acoustic == pytest.approx(-7.0)
    # no silence before, one after; a stays once and leaves, the silence leaves
    assert best.lm == pytest.approx(np.log([0.8, 0.75, 0.25, 0.2, 0.5]).sum())
    assert best.score == pytest.approx(best.acoustic + 2.0 * (best.lm - 0.3))


def test_louder_frames_change_what_was_heard_and_not_the_grammar():
    scores = np.random.default_rng(3).standard_normal((40, clear_speech(["SIL"]).shape[1])) * 9
    before, after = (digit_decoder().decode(s).best() for s in (scores, scores + 5.0))
    assert after.words == before.words
    assert after.acoustic == pytest.approx(before.acoustic + 200)
    assert after.lm == pytest.approx(before.lm)


def test_silence_alone_is_no_word():
    assert digit_decoder().decode(clear_speech(["SIL"])).best().words == ()
    assert len(digit_decoder(OneOf).decode(clear_speech(["SIL"], 4)).best().words) == 1  # exactly one


def test_one_word_where_two_were_said():
    assert len(digit_decoder(OneOf).decode(clear_speech(["T", "UW", "T", "UW"])).best().words) == 1


def test_too_short_an_utterance_is_not_complete():
    lattice = digit_decoder(OneOf).decode(clear_speech(["W", "AH"], 1)[:5])
    assert not lattice.complete
    assert lattice.best().words == () and not lattice.best().complete


def test_what_was_ended_before_stays_when_no_sentence_ends():
    lattice = digit_decoder().decode(clear_speech(["T", "UW", "S", "EH"], wrong=-np.inf))
    assert not lattice.complete
    assert lattice.best().words == ("two",)


def test_impossible_frames_are_no_error():
    scores = clear_speech(["T", "UW"])
    for first in (0, 6):
        broken = scores.copy()
        broken[first:] = -np.inf
        best = digit_decoder().decode(broken).best()
        assert not best.complete and best.words == ()


def test_narrow_beam_is_widened_as_far_as_allowed():
    scores = clear_speech(["T", "UW", "S"], 2)  # "two six", as far as can be seen, but the utterance ends
    found = [digit_decoder(OneOf, beam=2.0, widest_beam=widest).decode(scores) for widest in (2.0, 500.0)]
    assert [lattice.complete for lattice in found] == [False, True]


def test_beams_keep_the_best_of_clear_speech():
    phones, tying, lexicon, rng = random_recogniser(5, True, n_words=6, n_phones=6, longest=4)
    grammar = Bigram(lexicon.words, rng)
    everything = Decoder(phones, tying, lexicon, grammar, **EVERYTHING)
    beams = Decoder(phones, tying, lexicon, grammar)
    for _ in range(2):
        scores = heard(grammar.sentence(rng, 4), phones, tying, lexicon, rng)
        best = everything.decode(scores).best()
        assert beams.decode(scores).best().score == pytest.approx(best.score, **CLOSE)


def test_constant_scores_do_not_multiply_tokens():
    decoder = digit_decoder(beam=np.inf, max_active=10**9)
    search = Search(decoder.network, Memo(Loop(decoder.words)), Limits(np.inf, 10**9, np.inf), 0.0)
    search.run(np.zeros((30, clear_speech(["SIL"]).shape[1])))
    assert search.active <= 30 * decoder.network.n_states


def test_words_that_begin_alike_share_states():
    words = {f"w{i}": [[*"ABC", "DEFG"[i]]] for i in range(4)}
    phones = PhoneSet.of(["SIL", *"ABCDEFG"])
    decoder = Decoder(phones, monophones(phones), Lexicon(words), Loop(list(words)))
    assert decoder.network.n_states == 5 + 3 * (3 + 4)


def test_look_ahead_is_the_likeliest_word_that_can_still_come():
    lexicon = Lexicon({"likely": [["A", "B"]], "rare": [["A", "C"], Pronunciation(("D",), -0.5)]}, silence_prob=0.2)
    phones = PhoneSet.of(lexicon.phones, n_states=1)
    for guesses in ([-1.0, -7.0], [-7.0, -1.0]):
        network = Network.build(phones, monophones(phones), lexicon, ["likely", "rare"], np.array(guesses))
        _, entries = network.arcs.of(np.array([network.start]))
        expected = np.log(0.8) + np.array([-1.0, guesses[1] - 0.5])  # A, then D
        np.testing.assert_allclose(network.log_probs[entries], [*expected, np.log(0.2)], rtol=1e-12)


def test_probabilities_of_simple_grammars_sum_to_one():
    for grammar, states in ((Loop("abc"), [0]), (OneOf("abc"), [0, 1])):
        for state in states:
            assert np.exp(grammar.log_probs(state)).sum() + np.exp(grammar.end(state)) == pytest.approx(1)


def test_typical_probabilities_are_means_and_finite():
    table = np.log(np.array([[0.5, 0.5, 0, 0], [0.1, 0, 0, 0.9], [0, 0.3, 0, 0.7], [1, 0, 0, 0]]) + 1e-300)
    table[table < -600] = -np.inf
    found = typical_log_probs(Bigram("abc", None, table))
    np.testing.assert_allclose(np.exp(found), [0.6 / 3, 0.8 / 3, 0.6 / 3], rtol=1e-12)  # c never comes: the least
    assert np.isfinite(typical_log_probs(OneOf("abc"))).all()


def test_memo_answers_as_the_grammar_does():
    grammar = Bigram([f"w{i}" for i in range(150)], np.random.default_rng(2))
    memo = Memo(grammar)
    rows, states = np.zeros(1, np.int64), np.zeros(1, np.int64)
    for words in np.random.default_rng(3).integers(151, size=(6, 80)):
        rows, states = np.resize(rows, 80), np.resize(states, 80)
        expected = [grammar.log_probs(s)[w] if w < 150 else 0.0 for s, w in zip(states, words, strict=True)]
        np.testing.assert_array_equal(memo.log_probs(rows, words), expected)
        rows = memo.advance(rows, words)
        states = np.array([w + 1 if w < 150 else s for s, w in zip(states, words, strict=True)])
        assert [memo.end(row) for row in rows.tolist()] == [grammar.end(state) for state in states]
    assert len(memo) > 64  # the tables have grown


def test_refusals():
    decoder, n = digit_decoder(), clear_speech(["SIL"]).shape[1]
    for wrong in (np.zeros((0, n)), np.zeros((5, n + 1)), np.zeros(n)):
        with pytest.raises(ArgumentError):
            decoder.decode(wrong)
    with pytest.raises(DataError):
        decoder.decode(np.full((5, n), np.nan))
    with pytest.raises(DataError, match="'ten'"):
        digit_decoder(lambda words: Loop([*words, "ten"]))
    for name in ("beam", "max_active", "lm_weight", "frame_shift"):
        with pytest.raises(ArgumentError, match=name):
            digit_decoder(**{name: 0})
    with pytest.raises(ArgumentError, match="lattice_beam"):
        digit_decoder(lattice_beam=-1.0)
    for wrong in ([], ["a", "a"]):
        with pytest.raises(ArgumentError):
            Loop(wrong)


def test_timing_counts_speech():
    timing = time_decoding(digit_decoder(frame_shift=0.02), [clear_speech(["T", "UW"])] * 2)
    assert timing.speech == pytest.approx(0.48)
    assert timing.real_time_factor == pytest.approx(timing.seconds / 0.48)
