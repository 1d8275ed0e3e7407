"""What a worker process of the loader does: take orders from its pipe, put batches into its shared memory."""

from __future__ import annotations

import pickle
import signal
import traceback
from typing import Any

import numpy as np

from .dataset import make_batch, one_line
from .shared import SharedPickle, pack


def serve(connection: Any, payload: SharedPickle, block: Any, slot_bytes: int, index_bytes: int) -> None:
    """Serve until the pipe is closed, which it also is when the parent dies.

    Parameters
    ----------
    connection : Connection
        Orders ``(slot, n, epoch, number)`` come in. Replies go out: ``("slot", layout)`` when the batch is in its
        slot, ``("pipe", arrays)`` when it is too large for that, ``("error", message, traceback)``.
    payload : SharedPickle
        The dataset.
    block : shared memory
        This worker's slots; each begins with the indices of the samples wanted.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all processes; the parent decides what follows
    try:
        dataset = payload.load()
    except Exception as error:
        text = f"worker processes cannot load the dataset: {type(error).__name__}: {one_line(error)}"
        _reply_to_all(connection, ("error", text, traceback.format_exc()))
        return
    view = memoryview(block).cast("B")
    try:
        while True:
            slot, n, epoch, number = connection.recv()
            place = view[slot * slot_bytes : (slot + 1) * slot_bytes]
            index = np.frombuffer(place, np.int64, n).copy()
            connection.send(_batch(dataset, index, epoch, number, place[index_bytes:]))
    except (EOFError, ConnectionError):
        return


def _batch(dataset: Any, index: np.ndarray, epoch: int, number: int, place: memoryview) -> tuple[Any, ...]:
    try:
        arrays = make_batch(dataset, index, epoch, number)
        layout = pack(arrays, place)
        return ("pipe", arrays) if layout is None else ("slot", layout)
    except Exception as error:
        return "error", one_line(error), traceback.format_exc()


def _reply_to_all(connection: Any, reply: tuple[Any, ...]) -> None:
    try:
        while True:
            connection.recv()
            connection.send(reply)
    except (EOFError, ConnectionError, pickle.PickleError):
        return
