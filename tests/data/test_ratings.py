"""MovieLens: its text, and what is said of a file that is missing or another."""

import zipfile

import numpy as np
import pytest

from minidl.data import ratings
from minidl.errors import ArgumentError, DataError

TEXT = b"userId,movieId,rating,timestamp\r\n1,10,4.0,5\r\n1,30,0.5,6\r\n7,10,5.0,7\r\n"


def test_the_text():
    r = ratings.parse(TEXT)
    assert (r.users.tolist(), r.items.tolist(), r.stars.tolist()) == ([0, 0, 1], [0, 1, 0], [4, 0.5, 5])
    assert (len(r), r.n_users, r.n_items) == (3, 2, 2)


def test_two_parts():
    r = ratings.Ratings(*np.arange(3000, dtype=np.int32).reshape(3, 1000), 1000, 2000)
    a, b = r.split(0.2, seed=1)
    assert sorted([*a.stars, *b.stars]) == list(r.stars) and 150 < len(b) < 250
    with pytest.raises(ArgumentError, match="share"):
        r.split(1)


def test_missing_and_damaged(tmp_path, monkeypatch):
    monkeypatch.setenv("MINIDL_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(DataError, match=r"not on this machine; get https.*put it into .*movielens"):
        ratings.load()
    path = tmp_path / "movielens" / "ml-latest-small.zip"
    path.parent.mkdir()
    path.write_bytes(b"PK nothing")
    with pytest.raises(DataError, match="damaged, or without"):
        ratings.load()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("ml-latest-small/ratings.csv", TEXT)
    with pytest.raises(DataError, match="another version"):
        ratings.load()
