"""Bootstrap intervals equal those of all possible draws, and come near what theory gives for independent words."""

from itertools import product

import numpy as np
import pytest

from minidl.errors import ArgumentError, DataError
from minidl.speech.wer import WordErrors, bootstrap_interval, compare

SMALL = {"a": WordErrors(4, 1), "b": WordErrors(3, 0, 0, 2), "c": WordErrors(2, 4)}
BETTER = {"a": WordErrors(5, 0), "b": WordErrors(3, 0, 0, 1), "c": WordErrors(1, 5)}


def all_draws(*sets):
    """Reference words, and errors of each set, of each of the n ** n equally likely test sets."""
    rows = np.array([[sets[0][u].words, *(s[u].errors for s in sets)] for u in sets[0]])
    return np.array([rows[list(chosen)].sum(0) for chosen in product(range(len(rows)), repeat=len(rows))]).T


def lower_quantile(values, share):
    return np.sort(values)[int(np.ceil(share * len(values))) - 1]


@pytest.mark.parametrize("level", [0.5, 0.83])
def test_the_interval_is_that_of_all_draws(level):
    words, errors = all_draws(SMALL)
    found = bootstrap_interval(SMALL, 40_000, level)
    expected = [lower_quantile(errors / words, (1 - level) / 2), lower_quantile(errors / words, (1 + level) / 2)]
    assert [found.low, found.high] == pytest.approx(expected, rel=1e-12)
    assert found.level == level


def test_the_comparison_is_that_of_all_draws():
    _, old, new = all_draws(SMALL, BETTER)
    found = compare(SMALL, BETTER, 40_000, 0.5)
    assert found.improvement == pytest.approx(1 - 6 / 7, rel=1e-12)
    assert found.probability == pytest.approx(np.mean(new < old), abs=0.01)
    expected = [lower_quantile((old - new) / old, 0.25), lower_quantile((old - new) / old, 0.75)]
    assert [found.interval.low, found.interval.high] == pytest.approx(expected, rel=1e-12)


def test_independent_words_have_the_binomial_interval():
    rng = np.random.default_rng(3)
    wrong = rng.random(2000) < 0.1
    found = bootstrap_interval({str(i): WordErrors(int(not w), int(w)) for i, w in enumerate(wrong)}, 2000)
    p = wrong.mean()
    half = 1.96 * np.sqrt(p * (1 - p) / 2000)
    assert [found.low, found.high] == pytest.approx([p - half, p + half], abs=0.1 * half)


def test_speakers_are_drawn_whole():
    errors = {f"s{i}": WordErrors(3, 7) for i in range(9)} | {f"t{i}": WordErrors(9, 1) for i in range(9)}
    speakers = {name: name[0] for name in errors}
    by_speaker = bootstrap_interval(errors, 500, speakers=speakers)
    assert (by_speaker.low, by_speaker.high) == (0.1, 0.7)  # both draws one and the same speaker in half of the cases
    by_utterance = bootstrap_interval(errors, 500)
    assert 0.2 < by_utterance.low < by_utterance.high < 0.6


def test_the_same_recogniser_is_not_better():
    found = compare(SMALL, SMALL, 100)
    assert (found.improvement, found.interval.low, found.interval.high, found.probability) == (0, 0, 0, 0)


def test_against_a_recogniser_without_errors():
    perfect = {name: WordErrors(e.words) for name, e in SMALL.items()}
    assert compare(SMALL, perfect, 100).interval.low == 1
    found = compare(perfect, SMALL, 100)
    assert (found.improvement, found.interval.high, found.probability) == (-np.inf, -np.inf, 0)
    assert compare(perfect, perfect, 100).improvement == 0


def test_the_seed_decides():
    errors = {str(i): WordErrors(20 - i, i) for i in range(20)}
    assert bootstrap_interval(errors) == bootstrap_interval(errors, rng=np.random.default_rng(0))
    rng = np.random.default_rng(1)
    assert bootstrap_interval(errors, 50, rng=rng) != bootstrap_interval(errors, 50, rng=rng)


def test_many_utterances_are_drawn_in_portions(monkeypatch):
    errors = {str(i): WordErrors(20 - i, i) for i in range(20)}
    whole = bootstrap_interval(errors, 100)
    monkeypatch.setattr("minidl.speech.wer.bootstrap._AT_ONCE", 60)
    assert bootstrap_interval(errors, 100) == whole


def test_draws_without_reference_words_do_not_count():
    found = bootstrap_interval({"a": WordErrors(insertions=1), "b": WordErrors(hits=4)}, 1000)
    assert (found.low, found.high) == (0.0, 0.25)
    with pytest.raises(ArgumentError, match="draw more"):  # this seed draws the first one twice
        bootstrap_interval({"a": WordErrors(insertions=1), "b": WordErrors(hits=4)}, 1, rng=np.random.default_rng(11))


@pytest.mark.parametrize("wrong", [{"n": 0}, {"level": 0.0}, {"level": 1.0}, {"level": np.nan}], ids=str)
def test_wrong_arguments_are_refused(wrong):
    with pytest.raises(ArgumentError, match="n must be at least 1"):
        bootstrap_interval(SMALL, **wrong)
    with pytest.raises(ArgumentError, match="n must be at least 1"):
        compare(SMALL, BETTER, **wrong)


def test_what_cannot_be_compared_is_named():
    with pytest.raises(DataError, match="without reference words"):
        bootstrap_interval({})
    with pytest.raises(DataError, match="without reference words"):
        bootstrap_interval({"a": WordErrors(insertions=1)})
    with pytest.raises(DataError, match="no speaker is given for utterance 'b'"):
        bootstrap_interval(SMALL, speakers={"a": "s"})
    for other in ({"a": SMALL["a"]}, SMALL | {"d": WordErrors(1)}, SMALL | {"a": WordErrors(9)}):
        with pytest.raises(DataError, match=r"utterance '[abd]' is not in both"):
            compare(SMALL, other)
