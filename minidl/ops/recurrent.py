"""What the fused recurrent ops share, and the plain recurrent network (Deep Learning, section 10.2).

A whole sequence is one op, time-major (T, N, F): the input projections of all steps are one matrix product, and so
are the weight gradients after the backward sweep; only ``h @ w_hh`` has to run step by step. A primitive earns its
place here by speed (no graph node for each step) and by memory (preallocated buffers for all steps).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..autograd.op import Array, op
from ..autograd.tensor import array_of
from ..backend import namespace_of
from ..backend.matmul import matmul
from ..backend.sweeps import products_with
from ..errors import ArgumentError, DTypeError, ShapeError
from . import elementwise as _e
from . import shape as _s
from .rows import column_sums


@op(residuals=("xs", "hs"))
def rnn(
    x: Array,
    w_ih: Array,
    w_hh: Array,
    b: Array | None = None,
    h0: Array | None = None,
    lengths: Any = None,
    reverse: bool = False,
    activation: str = "tanh",
    *,
    xp: Any,
) -> tuple:
    """``h[t] = act(x[t] @ w_ih + h[t-1] @ w_hh + b)`` for all t (Elman, 1990).

    Parameters
    ----------
    x : float array (T, N, F)
    w_ih : (F, H)
    w_hh : (H, H)
    b : (H,), optional
    h0 : (N, H), optional
        The state before the first step; zeros by default.
    lengths : integer array (N,), optional
        Steps of each sequence, 0 to T. Afterwards its state stands still and its outputs are zero.
    reverse : bool
        Run from each sequence's end to its start; outputs stay at the time of their input.
    activation : {"tanh", "relu"}

    Returns
    -------
    y : (T, N, H)
    h : (N, H)
        The state after each sequence's last step.
    """
    if activation not in ("tanh", "relu"):
        raise ArgumentError(f"rnn: activation must be 'tanh' or 'relu', not {activation!r}")
    lengths = check_sequence("rnn", 1, x, w_ih, w_hh, (b,), (h0,), lengths)
    xs = time_reversed(x, lengths) if reverse else x
    t_steps, n, n_hidden = x.shape[0], x.shape[1], w_hh.shape[0]
    z = project(xs, w_ih, b)
    hs = states(xp, t_steps, n, n_hidden, x.dtype, h0)
    active = activity(xp, lengths, t_steps, x.dtype)
    with products_with(w_hh, n) as multiply:
        for t in range(t_steps):
            h = hs[t + 1]
            xp.add(multiply(hs[t]), z[t], out=h)
            if activation == "tanh":
                xp.tanh(h, out=h)
            else:
                xp.maximum(h, 0, out=h)
            hold(xp, active, t, h, hs[t])
    return outputs(hs, active, lengths, reverse), hs[-1].copy(), xs, hs


@rnn.fast
def _(
    g: tuple,
    w_ih: Any,
    w_hh: Any,
    b: Any,
    lengths: Any,
    reverse: bool,
    activation: str,
    xs: Any,
    hs: Any,
    wanted: tuple[bool, ...],
) -> tuple:
    xp = namespace_of(hs)
    lengths = as_lengths(xp, lengths)
    active = activity(xp, lengths, xs.shape[0], hs.dtype)
    gy, dh = incoming(xp, g[0], lengths, reverse, active), start(xp, g[1], hs)
    dz = 1 - hs[1:] * hs[1:] if activation == "tanh" else (hs[1:] > 0).astype(hs.dtype)  # slopes of all steps
    with products_with(w_hh.T, hs.shape[1]) as multiply:
        for t in reversed(range(xs.shape[0])):
            if gy is not None:
                dh += gy[t]
            dz[t] *= dh
            dh = pass_back(xp, multiply, active, t, dz[t], dh)
    return (*weight_gradients(xp, dz, xs, hs, w_ih, b, lengths, reverse, wanted), dh)


@rnn.definition
def _(
    x: Any,
    w_ih: Any,
    w_hh: Any,
    b: Any = None,
    h0: Any = None,
    lengths: Any = None,
    reverse: bool = False,
    activation: str = "tanh",
) -> tuple:
    act = _e.tanh if activation == "tanh" else _e.relu

    def cell(z: Any, state: tuple) -> tuple:
        return (act(z + state[0] @ w_hh),)

    y, (h,) = unrolled(cell, x, w_ih, b, (h0,), w_hh.shape[0], lengths, reverse)
    return y, h


# -- shared by rnn, lstm and gru: forward ---------------------------------------------------------------------


def project(xs: Any, w_ih: Any, b: Any) -> Any:
    """``xs @ w_ih + b`` for all steps in one product: (T, N, F) -> (T, N, G)."""
    z = matmul(xs.reshape(-1, xs.shape[-1]), w_ih)
    if b is not None:
        z += b
    return z.reshape(*xs.shape[:2], -1)


def states(xp: Any, t_steps: int, n: int, n_hidden: int, dtype: Any, first: Any) -> Any:
    """Room for the states before and after every step, (T + 1, N, H), with the first one filled in."""
    hs = xp.empty((t_steps + 1, n, n_hidden), dtype)
    hs[0] = 0 if first is None else first
    return hs


def activity(xp: Any, lengths: Any, t_steps: int, dtype: Any) -> Any:
    """(T, N, 1): True while a sequence lasts; None where all last to the end."""
    if lengths is None:
        return None
    return (xp.arange(t_steps)[:, None] < lengths)[..., None]


def hold(xp: Any, active: Any, t: int, new: Any, old: Any) -> None:
    """Leave the state of sequences that have ended as it was."""
    if active is not None:
        new[...] = xp.where(active[t], new, old)


def outputs(hs: Any, active: Any, lengths: Any, reverse: bool) -> Any:
    """The states after each step, zero past a sequence's end, at the time of their input."""
    y = hs[1:] if active is None else hs[1:] * active
    return time_reversed(y, lengths) if reverse else y


def time_reversed(a: Any, lengths: Any) -> Any:
    """Each sequence of (T, N, ...) backwards within its own length; what lies past its end stays."""
    if lengths is None:
        return a[::-1]
    xp = namespace_of(lengths)
    t = xp.arange(a.shape[0])[:, None]
    return a[xp.where(t < lengths, lengths - 1 - t, t), xp.arange(a.shape[1])]


# -- shared: backward -----------------------------------------------------------------------------------------


def incoming(xp: Any, g: Any, lengths: Any, reverse: bool, active: Any) -> Any:
    """The gradient of the outputs in the order of the sweep, nothing from past a sequence's end."""
    if g is None:
        return None
    g = time_reversed(g, lengths) if reverse else g
    return g if active is None else g * active


def start(xp: Any, g: Any, hs: Any) -> Any:
    """The gradient of the final state: where the sweep begins."""
    return xp.zeros_like(hs[0]) if g is None else g.copy()


def pass_back(xp: Any, multiply: Callable, active: Any, t: int, dz: Any, dh: Any, direct: Any = None) -> Any:
    """Gradient of the state before step t; a sequence that has ended passes `dh` on untouched.

    `dz` is cleared there in place, so that it adds nothing to the weights. `multiply` is by ``w_hh.T``. `direct` is what
    reaches the earlier state other than through ``w_hh`` (GRU).
    """
    if active is not None:
        dz *= active[t]
    back = multiply(dz)
    if direct is not None:
        back += direct
    return back if active is None else xp.where(active[t], back, dh)


def weight_gradients(
    xp: Any, dz: Any, xs: Any, hs: Any, w_ih: Any, b: Any, lengths: Any, reverse: bool, wanted: tuple[bool, ...]
) -> tuple:
    """Gradients of x, w_ih, w_hh and b from those of all pre-activations: one matrix product each."""
    flat = dz.reshape(-1, dz.shape[-1])
    gx = g_ih = g_hh = gb = None
    if wanted[0]:
        gx = matmul(flat, w_ih.T).reshape(xs.shape)
        gx = time_reversed(gx, lengths) if reverse else gx
    if wanted[1]:
        g_ih = matmul(xs.reshape(-1, xs.shape[-1]).T, flat)
    if wanted[2]:
        g_hh = matmul(hs[:-1].reshape(-1, hs.shape[-1]).T, flat)
    if b is not None and wanted[3]:
        gb = column_sums(flat)
    return gx, g_ih, g_hh, gb


# -- shared: definition and checks ----------------------------------------------------------------------------


def unrolled(
    cell: Any, x: Any, w_ih: Any, b: Any, first: tuple, n_hidden: int, lengths: Any, reverse: bool
) -> tuple[Any, tuple]:
    """The readable form: one call of ``cell(z, state) -> state`` a step, with simple ops only."""
    raw = array_of(x)
    xp = namespace_of(raw)
    lengths = as_lengths(xp, lengths)
    xs = time_reversed(x, lengths) if reverse else x
    z = xs @ w_ih if b is None else xs @ w_ih + b
    zeros = xp.zeros((x.shape[1], n_hidden), raw.dtype)
    state = tuple(zeros if s is None else s for s in first)
    active = activity(xp, lengths, x.shape[0], raw.dtype)
    ys = []
    for t in range(x.shape[0]):
        new = cell(z[t], state)
        if active is not None:
            new = tuple(_e.where(active[t], a, b) for a, b in zip(new, state, strict=True))
        state = new
        ys.append(state[0] if active is None else _e.where(active[t], state[0], zeros))
    y = _s.stack(ys)
    return (time_reversed(y, lengths) if reverse else y), state


def as_lengths(xp: Any, lengths: Any) -> Any:
    """`lengths` as an array, or None."""
    return None if lengths is None else xp.asarray(array_of(lengths))


def check_sequence(
    name: str, gates: int, x: Any, w_ih: Any, w_hh: Any, biases: tuple, first: tuple, lengths: Any
) -> Any:
    """Refuse shapes that do not fit, naming each; return `lengths` as an array or None.

    Raises
    ------
    ShapeError, DTypeError, ArgumentError
    """
    if x.ndim != 3 or 0 in x.shape[:2]:
        raise ShapeError(f"{name}: x must have shape (time, batch, features) with time and batch > 0, not {x.shape}")
    if w_hh.ndim != 2 or w_hh.shape[1] != gates * w_hh.shape[0]:
        raise ShapeError(f"{name}: w_hh must have shape (H, {gates}*H), not {w_hh.shape}")
    n_hidden = w_hh.shape[0]
    if w_ih.shape != (x.shape[2], gates * n_hidden):
        raise ShapeError(f"{name}: x {x.shape} and w_hh {w_hh.shape} need w_ih of shape "
                         f"{(x.shape[2], gates * n_hidden)}, not {w_ih.shape}")  # fmt: skip
    for b in biases:
        if b is not None and b.shape != (gates * n_hidden,):
            raise ShapeError(f"{name}: a bias must have shape ({gates * n_hidden},), not {b.shape}")
    for s in first:
        if s is not None and s.shape != (x.shape[1], n_hidden):
            raise ShapeError(f"{name}: an initial state must have shape {(x.shape[1], n_hidden)}, not {s.shape}")
    dtypes = {a.dtype.name for a in (x, w_ih, w_hh, *biases, *first) if a is not None}
    if len(dtypes) > 1 or x.dtype.kind != "f":
        raise DTypeError(f"{name}: needs one floating point dtype throughout, not {', '.join(sorted(dtypes))}")
    return _check_lengths(name, x, as_lengths(namespace_of(x), lengths))


def _check_lengths(name: str, x: Any, lengths: Any) -> Any:
    if lengths is None:
        return None
    if lengths.shape != (x.shape[1],):
        raise ShapeError(f"{name}: lengths must have shape ({x.shape[1]},), one for each sequence, not {lengths.shape}")
    if lengths.dtype.kind not in "iu":
        raise DTypeError(f"{name}: lengths must be integers, not {lengths.dtype}")
    if bool(((lengths < 0) | (lengths > x.shape[0])).any()):
        raise ArgumentError(f"{name}: lengths must lie in [0, {x.shape[0]}], the number of steps in x")
    return lengths
