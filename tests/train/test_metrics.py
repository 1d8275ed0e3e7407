"""What is measured beside the loss."""

import numpy as np
import pytest

from minidl.errors import ArgumentError
from minidl.train import accuracy, confusion_matrix
from minidl.train.metrics import top_k_accuracy


def test_confusion_matrix_counts_true_rows_and_predicted_columns():
    matrix = confusion_matrix([0, 0, 1, 2], [0, 2, 1, 1], 3)
    np.testing.assert_array_equal(matrix, [[1, 0, 1], [0, 1, 0], [0, 1, 0]])


@pytest.mark.parametrize("target, predicted", [([0], [3]), ([-1], [0]), ([2], [0]), ([0, 1], [0])])
def test_classes_that_are_not_there_are_refused_not_counted_elsewhere(target, predicted):
    with pytest.raises(ArgumentError, match="confusion_matrix"):
        confusion_matrix(target, predicted, 2)


def test_accuracies():
    output, target = np.array([[3.0, 2, 1], [1, 2, 3], [1, 3, 2]]), np.array([0, 0, 2])
    assert accuracy(output, target) == pytest.approx(1 / 3)
    assert top_k_accuracy(2)(output, target) == pytest.approx(2 / 3)
