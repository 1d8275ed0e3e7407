"""For each data set, a small network and the settings that train it well in a few minutes on a CPU."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import ArgumentError


@dataclass(frozen=True)
class Recipe:
    """What to train, and how to make a user's own picture look like the training images.

    Attributes
    ----------
    channels, kernel, hidden, dropout : see :class:`~minidl.vision.models.ConvNet`
    epochs, batch_size, lr : training; `lr` is the peak of a one-cycle schedule for AdamW
    shift, flip : augmentation; see :class:`~minidl.vision.augment.ShiftFlip`
    fill, centre : see :func:`~minidl.vision.picture.like_training_images`
    classes : names of the classes, in the order of the labels
    """

    classes: tuple[str, ...]
    channels: tuple[int, ...] = (16, 32)
    kernel: int = 5
    hidden: int = 128
    dropout: float = 0.25
    epochs: int = 5
    batch_size: int = 128
    lr: float = 4e-3
    weight_decay: float = 0.01
    shift: int = 0
    flip: bool = False
    fill: float = 1.0
    centre: str = "box"


_DIGITS = tuple("0123456789")
_CLOTHES = (
    "T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
)  # fmt: skip

RECIPES = {
    "digits": Recipe(_DIGITS, channels=(32, 64), kernel=3, epochs=20, batch_size=32, shift=1),
    "mnist": Recipe(_DIGITS, epochs=4, fill=20 / 28, centre="mass"),
    "fashion-mnist": Recipe(_CLOTHES, epochs=7, flip=True),
}


def recipe(name: str) -> Recipe:
    """The recipe for data set `name`."""
    if name not in RECIPES:
        raise ArgumentError(f"there is no recipe for data set {name!r}; there are {', '.join(RECIPES)}")
    return RECIPES[name]
