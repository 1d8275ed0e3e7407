"""Augmentation depends on (seed, epoch, index) and on nothing else."""

import numpy as np
import pytest

from minidl.errors import ShapeError
from minidl.vision.augment import ShiftFlip, uniforms

IMAGES = np.random.default_rng(0).random((50, 9, 7, 2)).astype(np.float32)


def test_the_draws_are_uniform_and_uncorrelated():
    u = uniforms(1, 2, np.arange(40_000), 3)
    assert u.min() >= 0 and u.max() < 1
    counts = np.stack([np.histogram(column, 16, (0, 1))[0] for column in u.T])
    chi2 = ((counts - 2500) ** 2 / 2500).sum(1)
    assert (chi2 < 45).all()  # 15 degrees of freedom: p = 1e-4
    neighbours = np.corrcoef([*u.T, np.roll(u[:, 0], 1), uniforms(1, 3, np.arange(40_000), 1)[:, 0]])
    assert np.abs(neighbours - np.eye(5)).max() < 0.025


def test_batches_do_not_matter():
    augment = ShiftFlip(shift=2, flip=True, seed=4)
    index = np.random.default_rng(1).permutation(50)
    whole = augment(IMAGES[index], index, 3)
    for part in np.array_split(np.arange(50), 7):
        np.testing.assert_array_equal(augment(IMAGES[index[part]], index[part], 3), whole[part])
    assert (augment(IMAGES, np.arange(50), 4) != augment(IMAGES, np.arange(50), 3)).any()


def test_each_image_is_shifted_and_perhaps_mirrored():
    out = ShiftFlip(shift=1, flip=True, seed=0)(IMAGES, np.arange(50), 0)
    assert out.dtype == np.float32 and out.shape == IMAGES.shape
    padded = np.pad(IMAGES, ((0, 0), (1, 1), (1, 1), (0, 0)))
    seen = set()
    for i in range(50):
        cuts = {
            (r, c, m): padded[i, r : r + 9, c : c + 7][:, :: -1 if m else 1]
            for r in range(3) for c in range(3) for m in (False, True)
        }  # fmt: skip
        found = [key for key, cut in cuts.items() if np.array_equal(cut, out[i])]
        assert len(found) == 1
        seen.add(found[0])
    assert len(seen) > 12


def test_nothing_to_do_changes_nothing():
    np.testing.assert_array_equal(ShiftFlip(0)(IMAGES, np.arange(50), 0), IMAGES)


def test_wrong_shapes_are_named():
    with pytest.raises(ShapeError, match=r"\(3, 4\)"):
        ShiftFlip()(np.zeros((3, 4)), np.arange(3), 0)
