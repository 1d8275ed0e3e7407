"""CIFAR-10 archives: the layout of colours, and only a DataError for damaged ones."""

import gzip
import io
import lzma
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidl import data
from minidl.data import cifar
from minidl.errors import DataError

RECORDS = np.random.default_rng(0).integers(0, 10, (3, cifar.RECORD)).astype(np.uint8)
CONTENT = RECORDS.tobytes()


def tar(content=CONTENT, name="set/train.bin", pack=lzma.compress, **attributes):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo(name)
        info.size = len(content)
        for key, value in attributes.items():
            setattr(info, key, value)
        archive.addfile(info, io.BytesIO(content) if info.isreg() else None)
    return pack(buffer.getvalue())


def read(archive):
    return cifar.read(archive, {"set/train.bin": 3}, "the archive")


@pytest.mark.parametrize("pack", [lzma.compress, gzip.compress])
def test_colours_and_rows(pack):
    ((images, labels),) = read(tar(pack=pack))
    assert images.shape == (3, 32, 32, 3) and images.dtype == np.uint8
    assert labels.tolist() == RECORDS[:, 0].tolist()
    assert images[1, 4, 7].tolist() == [RECORDS[1, 1 + c * 1024 + 4 * 32 + 7] for c in range(3)]


@pytest.mark.parametrize(
    "archive, words",
    [
        (b"", "truncated"),
        (b"nothing at all", "damaged, or not"),
        (tar()[:200], "truncated|damaged"),
        (tar(name="set/other.bin"), "train.bin should have 9219 bytes and is not there"),
        (tar(CONTENT[1:]), "should have 9219 bytes and has 9218"),
        (tar(type=tarfile.SYMTYPE, linkname="/etc/passwd"), "is not there"),
        (lzma.compress(b"x" * 5000), "damaged|should have"),
    ],
)
def test_bad_archives_get_one_line(archive, words):
    with pytest.raises(DataError, match=words) as e:
        read(archive)
    assert "\n" not in str(e.value) and str(e.value).startswith("the archive")


@pytest.mark.parametrize("pack", [lzma.compress, gzip.compress])
def test_bombs_are_not_unpacked(monkeypatch, pack):
    monkeypatch.setattr(cifar, "MAX_BYTES", 100_000)
    with pytest.raises(DataError, match="larger than 100000 bytes"):
        read(pack(bytes(10_000_000)))


@given(data=st.data(), packed=st.booleans())
def test_mutated_archives_raise_data_errors_alone(data, packed):
    archive = bytearray(tar(pack=gzip.compress if packed else lzma.compress))
    inside = bytearray(tar(pack=bytes))
    for target in (archive, inside):
        for _ in range(data.draw(st.integers(1, 4))):
            target[data.draw(st.integers(0, min(len(target), 600) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(archive)))
    for attempt in (archive, archive[:cut], gzip.compress(inside)):
        try:
            read(bytes(attempt))
        except DataError as error:
            assert "\n" not in str(error)


@pytest.mark.slow
def test_the_real_file():
    if not (Path(os.environ.get("MINIDL_DATA") or "/nowhere") / "cifar-10-subset").is_dir():
        pytest.skip("set MINIDL_DATA to a folder that has the file")
    s = data.load("cifar-10-subset")
    assert s.train_images.shape == (8000, 32, 32, 3) and s.test_images.shape == (2000, 32, 32, 3)
    assert np.bincount(s.train_labels).tolist() == [800] * 10
    means = s.train_images.mean((0, 1, 2), dtype=np.float64)
    np.testing.assert_allclose(means, [0.4914, 0.4822, 0.4465], atol=0.01)
