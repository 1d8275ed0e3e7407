"""Nearest neighbours of words, and the plane of their picture."""

import numpy as np
import pytest

from minidl import language
from minidl.errors import ArgumentError, DataError
from minidl.language.neighbours import neighbours, project_2d

VOCABULARY = language.Vocabulary(["north", "east", "northeast", "south", "nowhere"])
TABLE = np.array([[0, 9], [0, 9], [9, 0], [0, 1], [2, 0], [3, 3], [0, -5], [0, 0]], np.float32)


def test_neighbours_by_hand():
    found = neighbours(TABLE, VOCABULARY, "north")
    assert [word for word, _ in found] == ["northeast", "east", "nowhere", "south"]
    np.testing.assert_allclose([cosine for _, cosine in found], [0.5**0.5, 0, 0, -1], atol=1e-6)
    assert neighbours(TABLE, VOCABULARY, "north", 1) == found[:1]
    assert neighbours(TABLE, VOCABULARY, "northeast", 1)[0] == ("north", pytest.approx(0.5**0.5))  # lengths do not matter
    assert neighbours(TABLE, VOCABULARY, "nowhere", 9) == [(w, 0.0) for w in VOCABULARY.words[3:7]]


def test_the_plane_keeps_the_distances_of_a_flat_cloud_however_it_is_turned():
    rng = np.random.default_rng(0)
    flat = rng.standard_normal((30, 2)) * [3, 1]
    turn = np.linalg.qr(rng.standard_normal((5, 5)))[0][:2]
    found = project_2d(flat @ turn + 7)

    def distances(points):
        return np.linalg.norm(points[:, None] - points, axis=2)

    np.testing.assert_allclose(distances(found), distances(flat), atol=1e-9)
    np.testing.assert_allclose(found.mean(0), 0, atol=1e-9)
    assert found[:, 0].var() > found[:, 1].var() and abs(np.cov(found.T)[0, 1]) < 1e-9
    np.testing.assert_allclose(project_2d((flat @ turn)[::-1]), found[::-1], atol=1e-9)


def test_the_sign_is_that_of_the_largest_loading():
    rows = np.array([[0, 0], [-10, 1], [10, -1.0]])
    for turned in (rows, rows[:, ::-1]):  # the long axis counts, whichever column it is
        assert project_2d(turned)[:, 0].argmax() == 2 and project_2d(-turned)[:, 0].argmax() == 1


def test_fewer_than_two_dimensions_are_filled_up():
    np.testing.assert_allclose(project_2d(np.array([[1.0], [3.0]])), [[-1, 0], [1, 0]])
    np.testing.assert_array_equal(project_2d(np.ones((1, 4))), [[0, 0]])
    np.testing.assert_array_equal(project_2d(np.ones((3, 4))), np.zeros((3, 2)))


@pytest.mark.parametrize(
    "call, error, says",
    [
        (lambda: neighbours(TABLE, VOCABULARY, "norht"), DataError, "'norht' is not in the vocabulary; do you mean 'north'"),
        (lambda: neighbours(TABLE, VOCABULARY, "qqqq"), DataError, "vocabulary$"),
        (lambda: neighbours(TABLE, VOCABULARY, "north", 0), ArgumentError, "at least 1"),
        (lambda: neighbours(TABLE[1:], VOCABULARY, "north"), ArgumentError, "8 words take as many rows"),
        (lambda: project_2d(np.zeros(3)), ArgumentError, "table"),
        (lambda: project_2d(np.zeros((0, 3))), ArgumentError, "table"),
        (lambda: project_2d(np.full((2, 2), np.nan)), ArgumentError, "finite"),
    ],
)
def test_what_is_refused(call, error, says):
    with pytest.raises(error, match=says):
        call()
