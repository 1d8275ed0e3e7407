"""LIBSVM files: what is read, what is refused and with which words, and that damage gives nothing but DataError."""

import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidl.data import libsvm
from minidl.data.sparse import SparseRows, rcv1_like
from minidl.errors import DataError, ShapeError

GOOD = b"+1 1:0.5 3:-2 # a remark\n\n-1 2:1e-1\n# nothing\n+1\n"
PACKED = gzip.compress(GOOD, mtime=0)  # the same bytes in every process


def write(path, content):
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lambda b: gzip.compress(b[:20]) + gzip.compress(b[20:])])
@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_a_file_plain_or_packed(tmp_path, pack, newline):
    rows = libsvm.read(write(tmp_path / "a.svm", pack(GOOD.replace(b"\n", newline))))
    assert rows.starts.tolist() == [0, 2, 3, 3] and rows.features.tolist() == [0, 2, 1]
    assert rows.values.tolist() == pytest.approx([0.5, -2, 0.1]) and rows.labels.tolist() == [1, -1, 1]
    assert rows.n_features == 3 and rows.counts().tolist() == [1, 1, 1]
    np.testing.assert_allclose(rows.dot(np.array([1, 10, 100], np.float32)), [-199.5, 1, 0])


@pytest.mark.parametrize(
    "content, features, n, labels",
    [
        (b"1 0:1 4:1\n-1 2:1\n", [0, 4, 2], 5, [1, -1]),  # from 0
        (b"2 1:1\n1 2:1", [0, 1], 2, [1, -1]),  # classes 1 and 2; no newline at the end
        (b"0 1:1\n1 2:1\n", [0, 1], 2, [-1, 1]),
        (b"1 qid:7 1:1\n", [0], 1, [1]),
        (b"-1 1:1\n", [0], 1, [-1]),
    ],
)
def test_numbering_and_labels(tmp_path, content, features, n, labels):
    rows = libsvm.read(write(tmp_path / "a.svm", content))
    assert (rows.features.tolist(), rows.n_features, rows.labels.tolist()) == (features, n, labels)


def test_a_test_set_gets_the_width_of_the_training_set(tmp_path):
    path = write(tmp_path / "a.svm", GOOD)
    assert libsvm.read(path, n_features=10).n_features == 10
    with pytest.raises(DataError, match="has 3 features, more than the 2"):
        libsvm.read(path, n_features=2)


@pytest.mark.parametrize(
    "content, words",
    [
        (b"", "no example"),
        (b"# only a remark\n", "no example"),
        (b"1 1:2\nx 1:2\n", "line 2: the label is not a finite number: 'x'"),
        (b"1 1:nan\n", "line 1: the value of feature 1 is not a finite number"),
        (b"1 1:1e39\n", "not a finite number"),
        (b"1 1:1_0\n", "not a finite number: '1_0'"),
        (b"1 3:1 2:1\n", "line 1: features must ascend, and 2 comes after 3"),
        (b"1 2:1 2:1\n", "features must ascend"),
        (b"1 -2:1\n", "expected FEATURE:VALUE.*got '-2:1'"),
        (b"1 99999999999999999999:1\n", "expected FEATURE:VALUE"),
        (b"1 word\n", "expected FEATURE:VALUE.*got 'word'"),
        (b"1 1:1\n2 1:1\n3 1:1\n", r"3 classes \(1, 2, 3\).*keep two"),
        (b"7 1:1\n", "all labels are 7"),
        (PACKED[:-9], "truncated"),
        (PACKED[:12] + b"\xff" * 20, "damaged|truncated"),
    ],
)
def test_what_is_refused(tmp_path, content, words):
    path = write(tmp_path / "bad.svm", content)
    with pytest.raises(DataError, match=words) as e:
        libsvm.read(path)
    assert str(path) in str(e.value) and "\n" not in str(e.value)


def test_missing_and_too_large(tmp_path, monkeypatch):
    with pytest.raises(DataError, match=r"cannot read .*no\.svm: No such file"):
        libsvm.read(tmp_path / "no.svm")
    with pytest.raises(DataError, match="cannot read"):
        libsvm.read(tmp_path)
    with pytest.raises(DataError, match="line 1: more than 1 entries"):
        libsvm.read(write(tmp_path / "a.svm", GOOD), most=1)
    with pytest.raises(DataError, match="longer than 16 MB"):
        libsvm.read(write(tmp_path / "bomb.svm", gzip.compress(b"1" * (40 << 20))))


@given(st.data(), st.booleans())
def test_damage_gives_nothing_but_data_errors(tmp_path_factory, data, packed):
    content = bytearray(gzip.compress(GOOD, mtime=0) if packed else GOOD)
    for _ in range(data.draw(st.integers(1, 4))):
        where = data.draw(st.integers(0, len(content) - 1))
        content[where : where + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        if not content:
            break
    path = write(tmp_path_factory.mktemp("fuzz") / "a.svm", bytes(content[: data.draw(st.integers(0, len(content)))]))
    try:
        rows = libsvm.read(path)
    except DataError as error:
        assert "\n" not in str(error)
    else:
        assert set(rows.labels.tolist()) <= {-1.0, 1.0} and np.isfinite(rows.values).all()
        assert not len(rows.features) or 0 <= rows.features.min() <= rows.features.max() < rows.n_features


def test_made_up_text():
    a, b = rcv1_like(300, 2000, 20, seed=1), rcv1_like(300, 2000, 20, seed=1)
    np.testing.assert_array_equal(a.values, b.values)
    assert 15 < len(a.features) / 300 <= 20 and a.n_features == 2000
    for i in range(300):
        row = slice(a.starts[i], a.starts[i + 1])
        assert (np.diff(a.features[row]) > 0).all()
        assert np.linalg.norm(a.values[row]) == pytest.approx(1, rel=1e-5)
    assert 0.3 < (a.labels > 0).mean() < 0.7
    with pytest.raises(ShapeError):
        SparseRows(a.starts, a.features, a.values, a.labels[:5], 2000)
