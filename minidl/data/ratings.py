"""MovieLens ratings (Harper and Konstan 2015): who gave which film how many stars."""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from dataclasses import dataclass

import numpy as np

from ..errors import ArgumentError, DataError
from .fetch import folders

_ZIP, _MEMBER = "ml-latest-small.zip", "ml-latest-small/ratings.csv"
_BYTES = 2_483_723
_SHA256 = "aa289ca83157595d0df6aea1be6a4ded676ddc4385472e8313a8ed9805352646"
_URL = "https://files.grouplens.org/datasets/movielens/ml-latest-small.zip"


@dataclass(frozen=True)
class Ratings:
    """Entries of a matrix of which most are unknown.

    Attributes
    ----------
    users, items : int32 (N,)
        From 0; an item is a film.
    stars : float32 (N,)
    n_users, n_items : int
    """

    users: np.ndarray
    items: np.ndarray
    stars: np.ndarray
    n_users: int
    n_items: int

    def __len__(self) -> int:
        return len(self.stars)

    def split(self, share: float, seed: int = 0) -> tuple[Ratings, Ratings]:
        """Two parts at random, the second with `share` of the ratings."""
        if not 0 < share < 1:
            raise ArgumentError(f"Ratings.split: share must lie between 0 and 1, got {share}")
        second = np.random.default_rng(seed).random(len(self)) < share
        return self._part(~second), self._part(second)

    def _part(self, mask: np.ndarray) -> Ratings:
        return Ratings(self.users[mask], self.items[mask], self.stars[mask], self.n_users, self.n_items)


def load() -> Ratings:
    """MovieLens' small set (September 2018): 100,836 ratings of 9,724 films by 610 users.

    Raises
    ------
    DataError
        It is not on this machine, or damaged.
    """
    places = folders("movielens")
    for place in places:
        path = place / _ZIP
        try:
            with zipfile.ZipFile(path) as archive, archive.open(_MEMBER) as f:
                text = f.read(_BYTES + 1)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise DataError(f"cannot read {path}: {error.strerror or error}") from error
        except (zipfile.BadZipFile, zlib.error, KeyError, EOFError, NotImplementedError, RuntimeError) as error:
            raise DataError(f"{path}: damaged, or without {_MEMBER} ({error})") from error
        if hashlib.sha256(text).hexdigest() != _SHA256:
            raise DataError(f"{path}: {_MEMBER} is damaged, or another version; get {_URL}")
        return parse(text)
    raise DataError(f"{_ZIP} is not on this machine; get {_URL} and put it into {' or '.join(map(str, places))}")


def parse(text: bytes) -> Ratings:
    """Ratings from the text of ``ratings.csv`` (a line of names, then userId,movieId,rating,timestamp)."""
    table = np.loadtxt(io.BytesIO(text), delimiter=",", skiprows=1, usecols=(0, 1, 2), dtype=np.float64, ndmin=2)
    users, user = np.unique(table[:, 0], return_inverse=True)
    items, item = np.unique(table[:, 1], return_inverse=True)
    stars = table[:, 2].astype(np.float32)
    return Ratings(user.astype(np.int32), item.astype(np.int32), stars, len(users), len(items))
