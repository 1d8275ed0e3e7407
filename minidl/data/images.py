"""The image sets by name: training and test pictures as arrays, with labels and the names of the classes."""

from __future__ import annotations

import gzip
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import ArgumentError, DataError
from . import cifar, idx
from .fetch import RemoteFile, contents, folders


@dataclass(frozen=True)
class ImageSet:
    """Images with labels, in the parts for training and for testing that everybody uses.

    Attributes
    ----------
    name : str
    train_images, test_images : float32 (N, H, W, C), from 0 to 1
    train_labels, test_labels : int64 (N,)
    classes : names of the classes, in the order of the labels
    """

    name: str
    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        for part in ("train", "test"):
            images, labels = getattr(self, f"{part}_images"), getattr(self, f"{part}_labels")
            if images.ndim != 4 or labels.ndim != 1 or len(images) != len(labels) or not len(labels):
                raise DataError(f"{self.name}: {part} images {images.shape} and labels {labels.shape} do not fit together")
            if not 0 <= labels.min() <= labels.max() < len(self.classes):
                raise DataError(f"{self.name}: a {part} label is outside 0 ... {len(self.classes) - 1}")


def load(name: str) -> ImageSet:
    """Load an image set.

    Parameters
    ----------
    name : {"digits", "mnist", "fashion-mnist", "cifar-10-subset"}
        ``digits`` comes with scikit-learn. The others are looked for in ``$MINIDL_DATA/name/``, then in the
        user's cache (``~/.cache/minidl/name/`` on Linux), then downloaded to there; the part of CIFAR-10 has no address to
        download it from.

    Raises
    ------
    ArgumentError
        There is no set of that name.
    DataError
        A file is missing and cannot be downloaded, or it is damaged; the message says which, and what to do.
    """
    if name not in _SETS:
        raise ArgumentError(f"there is no data set {name!r}; there are {', '.join(_SETS)}")
    return _SETS[name]()


def names() -> tuple[str, ...]:
    """What :func:`load` knows."""
    return tuple(_SETS)


def unit(pixels: np.ndarray, top: int = 255) -> np.ndarray:
    """Pixels 0 ... `top` as float32 from 0 to 1, without a float64 copy on the way."""
    return np.divide(pixels, np.float32(top), dtype=np.float32)


# -- digits ----------------------------------------------------------------------------------------------

_TEST_PER_CLASS = 30


def _digits() -> ImageSet:
    """1,797 scanned digits of 8 x 8 pixels: 300 for testing, 30 of each class, spread evenly over the file.

    The file has the writers one after another, so each part has something of everybody's hand.
    """
    table = _digits_table()
    images, labels = unit(table[:, :64].reshape(-1, 8, 8, 1), 16), table[:, 64].astype(np.int64)
    test = np.zeros(len(labels), bool)
    for c in range(10):
        of_class = np.flatnonzero(labels == c)
        test[of_class[(2 * np.arange(_TEST_PER_CLASS) + 1) * len(of_class) // (2 * _TEST_PER_CLASS)]] = True
    return ImageSet("digits", images[~test], labels[~test], images[test], labels[test], DIGITS)


def _digits_table() -> np.ndarray:
    """scikit-learn's table: 64 pixels from 0 to 16 and the label, a row per digit.

    Read from its file where that is in its usual place, as importing scikit-learn takes seconds.
    """
    found = importlib.util.find_spec("sklearn")
    if found is None or not found.submodule_search_locations:
        raise DataError("the digits come with scikit-learn; run: pip install 'minidl[demos]'")
    path = Path(found.submodule_search_locations[0], "datasets", "data", "digits.csv.gz")
    if path.is_file():
        with gzip.open(path, "rt") as f:
            return np.loadtxt(f, np.float32, delimiter=",")
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return np.column_stack([bunch.data, bunch.target])


# -- MNIST and Fashion-MNIST -----------------------------------------------------------------------------

DIGITS = tuple("0123456789")
CLOTHES = (
    "T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
)  # fmt: skip

_MNIST = "https://ossci-datasets.s3.amazonaws.com/mnist/"
_FASHION = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
_PARTS = (
    "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz", "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz",
)  # fmt: skip
_SHA256 = {
    "mnist": (
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
    "fashion-mnist": (
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    ),
}
_PLAIN_SHA256 = {  # of the same files without .gz
    "mnist": (
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
    "fashion-mnist": (
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
}


def _idx_set(name: str, address: str, classes: tuple[str, ...]) -> ImageSet:
    """A set of four IDX files."""
    arrays: list[np.ndarray] = []
    for part, sha256, plain in zip(_PARTS, _SHA256[name], _PLAIN_SHA256[name], strict=True):
        data, path = contents(RemoteFile(part, sha256, address + part, plain), folders(name))
        array = idx.read(data, str(path))
        if array.dtype != np.uint8 or array.ndim != (3 if "images" in part else 1):
            raise DataError(f"{path}: expected {'images' if 'images' in part else 'labels'} of bytes, got {array.shape}")
        arrays.append(unit(array[..., None]) if array.ndim == 3 else array.astype(np.int64))
    images, labels, test_images, test_labels = arrays
    return ImageSet(name, images, labels, test_images, test_labels, classes)


# -- a part of CIFAR-10 ----------------------------------------------------------------------------------

OBJECTS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_CIFAR = RemoteFile("cifar-10-subset.tar.xz", "479fd2df5b9fbb04d1d3c6e06f3e05f61208c3be8be39acaf4cc0c16b6d57711")


def _cifar_subset() -> ImageSet:
    """8,000 of the 50,000 training images, and 2,000 of the 10,000 test images; as many of each class."""
    archive, path = contents(_CIFAR, folders("cifar-10-subset"))
    parts = {"cifar-10-subset/data_batch_1.bin": 8000, "cifar-10-subset/test_batch.bin": 2000}
    (images, labels), (test_images, test_labels) = cifar.read(archive, parts, str(path))
    return ImageSet("cifar-10-subset", unit(images), labels, unit(test_images), test_labels, OBJECTS)


_SETS: dict[str, Callable[[], ImageSet]] = {
    "digits": _digits,
    "mnist": lambda: _idx_set("mnist", _MNIST, DIGITS),
    "fashion-mnist": lambda: _idx_set("fashion-mnist", _FASHION, CLOTHES),
    "cifar-10-subset": _cifar_subset,
}
