"""ArrayDataset, and how samples become batches."""

import numpy as np
import pytest

from minidl.data import ArrayDataset
from minidl.data.dataset import collate, make_batch
from minidl.errors import ArgumentError, DataError, DTypeError, ShapeError
from minidl.vision.augment import ShiftFlip

X = np.arange(24, dtype=np.float32).reshape(6, 2, 2, 1)
Y = np.arange(6)


def test_one_sample_and_a_batch_agree():
    dataset = ArrayDataset(X, Y)
    x, y = dataset.batch(np.array([4, 1]))
    assert len(dataset) == 6 and y.tolist() == [4, 1]
    for row, i in enumerate((4, 1)):
        np.testing.assert_array_equal(dataset[i][0], x[row], strict=True)
        assert dataset[i][1] == i
    assert dataset[-1][1] == 5


def test_it_can_be_iterated():
    assert [int(y) for _, y in ArrayDataset(X, Y)] == list(range(6))


def test_the_transform_gets_index_and_epoch_and_changes_the_first_array_alone():
    seen = []

    def transform(x, index, epoch):
        seen.append((x.shape, index.tolist(), epoch))
        return x + 100

    x, y = ArrayDataset(X, Y, transform=transform).batch(np.array([2, 0]), 7)
    assert seen == [((2, 2, 2, 1), [2, 0], 7)]
    np.testing.assert_array_equal(x, X[[2, 0]] + 100)
    assert y.tolist() == [2, 0]


def test_augmentation_does_not_depend_on_the_batch():
    dataset = ArrayDataset(X, Y, transform=ShiftFlip(1, True, seed=5))
    whole = dataset.batch(np.arange(6), 3)[0]
    parts = [dataset.batch(np.array(i), 3)[0] for i in ([0, 1], [2], [3, 4, 5])]
    np.testing.assert_array_equal(whole, np.concatenate(parts))
    assert not np.array_equal(whole, dataset.batch(np.arange(6), 4)[0])


def test_lists_of_numbers_are_arrays_too():
    assert ArrayDataset([[1.0, 2.0], [3.0, 4.0]], [0, 1])[1][0].tolist() == [3.0, 4.0]


@pytest.mark.parametrize(
    "arrays, error, words",
    [
        ((), ArgumentError, "at least one"),
        ((X, Y[:4]), ShapeError, "6, 4"),
        ((X[:0], Y[:0]), DataError, "empty"),
        ((np.array(["a", "b"]),), DTypeError, "<U1"),
        ((np.array([None, 1]),), DTypeError, "object"),
        (([[1, 2], [3]],), DTypeError, "array 0"),
        ((X, np.float32(3)), ShapeError, "array 1"),
    ],
)
def test_bad_arrays_get_one_line(arrays, error, words):
    with pytest.raises(error, match=words) as e:
        ArrayDataset(*arrays)
    assert "\n" not in str(e.value)


def test_a_transform_that_loses_samples():
    with pytest.raises(ShapeError, match=r"\(1, 2, 2, 1\) of a batch of 2"):
        ArrayDataset(X, transform=lambda x, index, epoch: x[:1]).batch(np.array([0, 1]))


def test_collate():
    x, y, z = collate([(np.ones(2, np.float32), 1, 0.5), (np.zeros(2, np.float32), 2, 0.25)])
    assert (x.shape, x.dtype) == ((2, 2), np.float32)
    assert (y.tolist(), z.dtype) == ([1, 2], np.float32)
    assert collate([1, 2])[0].tolist() == [1, 2]


@pytest.mark.parametrize(
    "samples, words",
    [([np.ones(2), np.ones(3)], r"part 0.*\(2,\), \(3,\)"), ([(1, 2), (1,)], "different numbers of parts: .1, 2.")],
)
def test_samples_that_do_not_fit_together(samples, words):
    with pytest.raises(ShapeError, match=words):
        collate(samples)


class Brittle:
    def __len__(self):
        return 9

    def __getitem__(self, i):
        if i == 5:
            raise RuntimeError("two\nlines")
        return np.full(2, i), "text" if i == 8 else i


def test_an_error_names_batch_and_sample():
    with pytest.raises(DataError, match="epoch 1, batch 2, sample 5: RuntimeError: two lines") as e:
        make_batch(Brittle(), np.array([3, 5]), 1, 2)
    assert isinstance(e.value.__cause__, RuntimeError)


def test_a_batch_holds_numbers_in_contiguous_arrays():
    class Odd:
        def batch(self, index, epoch):
            return np.ones((4, len(index))).T

    (a,) = make_batch(Odd(), np.arange(3), 0, 0)
    assert a.shape == (3, 4) and a.flags.c_contiguous
    with pytest.raises(DataError, match="part 1 of the batch: expected numbers"):
        make_batch(Brittle(), np.array([8]), 0, 0)
