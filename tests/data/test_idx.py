"""IDX files: what is written is read, and of damaged ones only a DataError comes out."""

import gzip
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minidl.data import idx
from minidl.errors import DataError

CODES = {"u1": 8, "i1": 9, "i2": 11, "i4": 12, "f4": 13, "f8": 14}


def written(array, code=None):
    code = CODES[array.dtype.str[1:]] if code is None else code
    head = struct.pack(">HBB", 0, code, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    return head + array.astype(array.dtype.newbyteorder(">")).tobytes()


IMAGES = written(np.arange(60, dtype=np.uint8).reshape(5, 4, 3))


@given(
    array=st.sampled_from(sorted(CODES)).flatmap(
        lambda d: hnp.arrays(np.dtype(d), hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5))
    ),
    packed=st.booleans(),
)
def test_round_trip(array, packed):
    data = written(array)
    out = idx.read(gzip.compress(data) if packed else data)
    np.testing.assert_array_equal(out, array, strict=True)
    assert out.flags.writeable


@pytest.mark.parametrize("packed", [False, True])
def test_files(tmp_path, packed):
    path = tmp_path / "images"
    path.write_bytes(gzip.compress(IMAGES) if packed else IMAGES)
    assert idx.read(path).shape == (5, 4, 3)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=f"{path}: .*truncated"):
        idx.read(path)


@pytest.mark.parametrize(
    "data, words",
    [
        (b"", "truncated within its header"),
        (b"\0\0\x08\x02\0\0\0", "truncated within its header"),
        (b"\x89PNG\r\n\x1a\n", "not an IDX file"),
        (b"\0\0\x0a\x01\0\0\0\1x", "not an IDX file"),
        (IMAGES + b"x", "more bytes follow"),
        (gzip.compress(IMAGES + b"x", mtime=0), "more bytes follow"),
        (IMAGES[:-1], "truncated"),
        (b"\x1f\x8bxxxxxxxxxxxx", "gzip"),
        (gzip.compress(IMAGES, mtime=0)[:-6] + b"abcdef", "gzip"),
    ],
    ids=["nothing", "header", "png", "type", "longer", "longer packed", "shorter", "not gzip", "checksum"],
)
def test_bad_files_get_one_line(data, words):
    with pytest.raises(DataError, match=words) as e:
        idx.read(data)
    assert "\n" not in str(e.value)


def test_a_missing_file_and_a_folder(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        idx.read(tmp_path / "none")
    with pytest.raises(DataError, match="directory"):
        idx.read(tmp_path)


@pytest.mark.parametrize(
    "data",
    [
        struct.pack(">HBB3I", 0, 8, 3, 2**31, 2**31, 4),
        gzip.compress(struct.pack(">HBB3I", 0, 14, 3, 2**16, 2**12, 8) + bytes(1000), mtime=0),
        gzip.compress(IMAGES + bytes(200_000_000), 1, mtime=0),
    ],
    ids=["header", "packed header", "bomb"],
)
def test_memory_is_bounded_by_the_file(data):
    tracemalloc.start()
    try:
        with pytest.raises(DataError):
            idx.read(data)
        assert tracemalloc.get_traced_memory()[1] < 4 * 2**20
    finally:
        tracemalloc.stop()


def test_shapes_that_numpy_refuses():
    with pytest.raises(DataError, match="too large"):
        idx.read(struct.pack(">HBB3I", 0, 8, 3, 0, 2**32 - 1, 2**32 - 1))


@given(data=st.data(), packed=st.booleans())
def test_mutated_files_raise_data_errors_alone(data, packed):
    original = bytearray(gzip.compress(IMAGES, mtime=0) if packed else IMAGES)
    for _ in range(data.draw(st.integers(1, 4))):
        original[data.draw(st.integers(0, len(original) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(original)))
    for attempt in (original, original[:cut]):
        try:
            out = idx.read(bytes(attempt))
        except DataError as error:
            assert "\n" not in str(error)
        else:
            assert out.nbytes <= len(attempt) * 1032


@given(st.binary(max_size=200), st.booleans())
def test_any_bytes(data, marked):
    try:
        idx.read((b"\x1f\x8b" if marked else b"\0\0") + data)
    except DataError:
        pass
