"""The image sets: shapes, ranges, splits, and files that do not fit."""

import gzip
import hashlib
import importlib.util
import os
import struct
from pathlib import Path

import numpy as np
import pytest

from minidl import data
from minidl.data import images
from minidl.errors import ArgumentError, DataError
from minidl.vision.recipes import RECIPES

NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ArgumentError, match="'cats'; there are digits, mnist, fashion-mnist"):
        data.load("cats")


def test_recipes_and_data_agree_on_the_classes():
    assert RECIPES["mnist"].classes == RECIPES["digits"].classes == images.DIGITS
    assert RECIPES["fashion-mnist"].classes == images.CLOTHES
    assert set(RECIPES) <= set(data.names())


def test_digits():
    if importlib.util.find_spec("sklearn") is None:
        pytest.skip("needs scikit-learn")
    s = data.load("digits")
    assert s.train_images.shape == (1497, 8, 8, 1) and s.test_images.shape == (300, 8, 8, 1)
    assert s.train_images.dtype == np.float32 and s.train_labels.dtype == np.int64
    assert s.train_images.min() == 0 and s.train_images.max() == 1
    assert np.bincount(s.test_labels).tolist() == [30] * 10
    np.testing.assert_array_equal(s.test_images, data.load("digits").test_images)


@pytest.mark.slow
def test_each_digit_is_in_exactly_one_part():
    bunch = pytest.importorskip("sklearn.datasets").load_digits()
    s = data.load("digits")
    both = np.concatenate([s.train_images, s.test_images]).reshape(1797, 64) * 16
    labels = np.concatenate([s.train_labels, s.test_labels])
    here = sorted(map(tuple, np.column_stack([both, labels]).astype(int).tolist()))
    there = sorted(map(tuple, np.column_stack([bunch.data, bunch.target]).astype(int).tolist()))
    assert here == there


def test_without_scikit_learn(monkeypatch):
    monkeypatch.setattr(images.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DataError, match="scikit-learn; run: pip install"):
        data.load("digits")


@pytest.mark.slow
def test_a_scikit_learn_with_its_files_elsewhere(monkeypatch):
    pytest.importorskip("sklearn")
    before = data.load("digits")
    monkeypatch.setattr(images.Path, "is_file", lambda path: False)
    np.testing.assert_array_equal(before.test_images, data.load("digits").test_images, strict=True)


def idx(array):
    return struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


@pytest.fixture
def small(tmp_path, monkeypatch):
    """Write a small set in place of MNIST's four files."""

    def write(*arrays, packed=True):
        folder = tmp_path / "mnist"
        folder.mkdir(exist_ok=True)
        sums = []
        for name, array in zip(NAMES, arrays, strict=True):
            content = gzip.compress(idx(array)) if packed else idx(array)
            (folder / (name + (".gz" if packed else ""))).write_bytes(content)
            sums.append(hashlib.sha256(content).hexdigest())
        table = "_SHA256" if packed else "_PLAIN_SHA256"
        monkeypatch.setitem(getattr(images, table), "mnist", tuple(sums))

    monkeypatch.setenv("MINIDL_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return write


X = np.array([[[0, 51], [102, 255]]] * 3, np.uint8)
Y = np.array([9, 0, 4], np.uint8)


@pytest.mark.parametrize("packed", [True, False])
def test_idx_files(small, packed):
    small(X, Y, X[:2], Y[:2], packed=packed)
    s = data.load("mnist")
    assert s.train_images.shape == (3, 2, 2, 1) and s.test_images.shape == (2, 2, 2, 1)
    np.testing.assert_array_equal(s.train_images[0].ravel(), np.float32([0, 51, 102, 255]) / np.float32(255), strict=True)
    assert s.train_labels.tolist() == [9, 0, 4] and s.test_labels.dtype == np.int64


@pytest.mark.parametrize(
    "arrays, words",
    [
        ((X, Y[:2], X, Y), "train images .* and labels .* do not fit together"),
        ((X, Y, X, Y + np.uint8(1)), "a test label is outside 0 ... 9"),
        ((Y, Y, X, Y), "train-images-idx3-ubyte.gz: expected images of bytes"),
        ((X, X, X, Y), "train-labels-idx1-ubyte.gz: expected labels of bytes"),
        ((X[:0], Y[:0], X, Y), "do not fit together"),
    ],
)
def test_files_that_do_not_fit(small, arrays, words):
    small(*arrays)
    with pytest.raises(DataError, match=words) as e:
        data.load("mnist")
    assert "\n" not in str(e.value)


def test_a_damaged_file_is_named(small, tmp_path):
    small(X, Y, X, Y)
    path = tmp_path / "mnist" / (NAMES[2] + ".gz")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match=f"{path}: damaged"):
        data.load("mnist")


@pytest.mark.slow
@pytest.mark.parametrize("name, mean", [("mnist", 0.1307), ("fashion-mnist", 0.2860)])
def test_the_real_files(name, mean):
    if not (Path(os.environ.get("MINIDL_DATA") or "/nowhere") / name).is_dir():
        pytest.skip("set MINIDL_DATA to a folder that has the files")
    s = data.load(name)
    assert s.train_images.shape == (60000, 28, 28, 1) and s.test_images.shape == (10000, 28, 28, 1)
    assert abs(s.train_images.mean(dtype=np.float64) - mean) < 1e-4
    counts = np.bincount(s.train_labels)
    first = [5923, 6742, 5958] if name == "mnist" else [6000] * 3
    assert counts[:3].tolist() == first and counts.sum() == 60000
