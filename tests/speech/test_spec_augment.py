"""SpecAugment: what it draws, what it hides, and where time goes."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidl.errors import ArgumentError
from minidl.speech.features import POLICIES, SpecAugment, cmvn_utterance, spec_augment
from minidl.speech.features.spec_augment import warped

MASKS = SpecAugment(0, 6, 2, 12, 2, 0.2)
WARP = SpecAugment(10, 0, 0, 0, 0)


def features(n=60, bands=20, dtype=np.float32):
    return np.random.default_rng(0).standard_normal((n, bands)).astype(dtype) + 3


def stretches(flags):
    """Lengths of the runs of True."""
    edges = np.flatnonzero(np.diff(np.r_[False, flags, False]))
    return edges[1::2] - edges[::2]


def test_the_paper_s_table():
    """W, F, mF, T, mT, p of table 1."""
    assert POLICIES["LB"] == SpecAugment(80, 27, 1, 100, 1, 1.0)
    assert POLICIES["LD"] == SpecAugment(80, 27, 2, 100, 2, 1.0)
    assert POLICIES["SM"] == SpecAugment(40, 15, 2, 70, 2, 0.2)
    assert POLICIES["SS"] == SpecAugment(40, 27, 2, 70, 2, 0.2)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32), st.sampled_from([np.float32, np.float64]), st.integers(1, 80))
def test_whole_bands_and_stretches_are_hidden_and_the_rest_stays(seed, dtype, n):
    x = features(n, dtype=dtype)
    y = spec_augment(x, MASKS, seed, "zero")
    assert y.dtype == dtype and y.shape == x.shape and (x != 0).all()
    bands, frames = (y == 0).all(0), (y == 0).all(1)
    hidden = bands[None, :] | frames[:, None]
    np.testing.assert_array_equal(y, np.where(hidden, 0, x))
    assert len(stretches(bands)) <= 2 and bands.sum() <= 12
    assert len(stretches(frames)) <= 2 and frames.sum() <= 2 * min(12, n // 5)


def test_widths_and_starts_are_uniform():
    """One mask at most 4 of 10 wide: each width has 1/5, and each of the 11 - f starts that it may have."""
    policy, n = SpecAugment(0, 4, 1, 0, 0), 4000
    rng = np.random.default_rng(1)
    hidden = np.array([spec_augment(np.ones((1, 10)), policy, rng, "zero")[0] == 0 for _ in range(n)])
    np.testing.assert_allclose(np.bincount(hidden.sum(1), minlength=5) / n, 1 / 5, rtol=0, atol=0.03)
    expected = [sum(sum(s <= b < s + f for s in range(11 - f)) / (11 - f) for f in range(5)) / 5 for b in range(10)]
    np.testing.assert_allclose(hidden.mean(0), expected, rtol=0, atol=0.03)


def test_the_mean_is_the_zero_of_normalised_features():
    """Warp and masks of features less their mean are those of the features, less it."""
    x = features(300, dtype=np.float64)
    policy = replace(POLICIES["SM"], warp=20)
    for seed in range(5):
        normalised = spec_augment(cmvn_utterance([x])[0], policy, seed, "zero")
        np.testing.assert_allclose(spec_augment(x, policy, seed) - x.mean(0), normalised, rtol=0, atol=1e-12)


def test_time_is_bent_at_one_frame():
    """Of 0 to 10, frame 4 goes to 8: up to it time runs at half speed, after it at three."""
    line = np.arange(11.0)[:, None] * [1, 10]
    expected = np.array([0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 7, 10])
    np.testing.assert_allclose(warped(line, 4, 8), expected[:, None] * [1, 10], rtol=1e-12)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32), st.integers(1, 60))
def test_a_warp_keeps_ends_and_order_and_moves_no_frame_far(seed, n):
    line = np.arange(float(n))[:, None]
    found = spec_augment(line, WARP, seed)[:, 0]
    assert found[0] == 0 and found[-1] == pytest.approx(n - 1, abs=1e-12)
    assert (np.diff(found) > 0).all()
    assert np.abs(found - line[:, 0]).max() <= 10 + 1e-9
    if n < 23:
        np.testing.assert_array_equal(found, line[:, 0])


def test_the_shortest_clip_that_is_bent_keeps_ends_and_order():
    line = np.arange(23.0)[:, None]
    for seed in range(200):
        found = spec_augment(line, WARP, seed)[:, 0]
        assert (found[0], found[-1]) == (0, 22) and (np.diff(found) > 0).all()


def test_warps_differ_and_nothing_is_changed_in_place():
    x = features(100)
    before = x.copy()
    assert len({spec_augment(x, WARP, seed).tobytes() for seed in range(20)}) > 10
    spec_augment(x, MASKS, 0)
    np.testing.assert_array_equal(x, before)
    np.testing.assert_array_equal(spec_augment(x, "SM", 4), spec_augment(x, "SM", np.random.default_rng(4)))


def test_one_frame_and_no_change():
    x = features(1)
    np.testing.assert_array_equal(spec_augment(x, SpecAugment(0, 0, 0, 0, 0), 0), x)
    np.testing.assert_array_equal(spec_augment(x, replace(MASKS, bands=0), 0), x)  # a fifth of a frame is none


def test_what_is_refused():
    with pytest.raises(ArgumentError, match="there is no policy 'XL'; there are LB, LD, SM, SS"):
        spec_augment(features(), "XL", 0)
    with pytest.raises(ArgumentError, match="masks 27 bands wide may hide all 20"):
        spec_augment(features(), "LD", 0)
    with pytest.raises(ArgumentError, match="fill must be 'mean' or 'zero'"):
        spec_augment(features(), MASKS, 0, "noise")
    for bad in (np.zeros(4), np.zeros((0, 4)), np.zeros((4, 4), int)):
        with pytest.raises(ArgumentError, match="must be floats"):
            spec_augment(bad, MASKS, 0)
    for change in ({"warp": -1}, {"bands": -1}, {"stretch_share": 1.5}):
        with pytest.raises(ArgumentError, match="at least 0 and the share at most 1"):
            replace(MASKS, **change)
