"""Where names go in a picture of points, so that they hide neither each other nor a point."""

from __future__ import annotations

import numpy as np

_DISTANCES = (0.05, 0.14, 0.26, 0.4, 0.6)
_DIRECTIONS = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1))
_OFFERS = np.array([[distance * x, distance * y] for distance in _DISTANCES for x, y in _DIRECTIONS])


def offsets(points: np.ndarray, sizes: np.ndarray, picture: np.ndarray, radius: float = 0.03) -> np.ndarray:
    """Places for names, one after the other: the nearest that is free, or else that which hides least.

    Parameters
    ----------
    points, sizes : (n, 2) arrays
        In inches: the points, and width and height of their names.
    picture : (2,) array
        Its width and height, which names do not leave.
    radius : float
        Of a point.

    Returns
    -------
    (n, 2) float64
        From each point to the side or corner of its name that is next to it: right of the point where the first number
        is positive, left where it is negative, in the middle where it is zero; above or below as the second says.
    """
    taken = np.concatenate([points - radius, points + radius], 1)
    chosen = np.zeros(points.shape)
    for i, (at, half) in enumerate(zip(points, sizes / 2, strict=True)):
        middle = at + _OFFERS + np.sign(_OFFERS) * half
        boxes = np.concatenate([middle - half, middle + half], 1)
        shared = np.minimum(boxes[:, None, 2:], taken[:, 2:]) - np.maximum(boxes[:, None, :2], taken[:, :2])
        hidden = shared.clip(0).prod(2).sum(1)
        hidden[((boxes[:, :2] < 0) | (boxes[:, 2:] > picture)).any(1)] = np.inf
        best = int(hidden.argmin())
        chosen[i], taken = _OFFERS[best], np.concatenate([taken, boxes[best : best + 1]])
    return chosen
