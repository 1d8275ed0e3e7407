"""Long short-term memory over whole sequences as one op (Hochreiter and Schmidhuber, 1997; Deep Learning, 10.10.1)."""

from __future__ import annotations

from typing import Any

from ..autograd.op import Array, op
from ..backend import namespace_of
from ..backend.sweeps import products_with
from . import elementwise as _e
from . import recurrent as r


@op(residuals=("xs", "hs", "cs", "gates"))
def lstm(
    x: Array,
    w_ih: Array,
    w_hh: Array,
    b: Array | None = None,
    h0: Array | None = None,
    c0: Array | None = None,
    lengths: Any = None,
    reverse: bool = False,
    *,
    xp: Any,
) -> tuple:
    """Gates i, f, g, o from ``x[t] @ w_ih + h[t-1] @ w_hh + b``; ``c = f*c + i*g``; ``h = o*tanh(c)``.

    Parameters
    ----------
    x : float array (T, N, F)
    w_ih : (F, 4*H)
    w_hh : (H, 4*H)
        Columns in the order input, forget, cell, output; sigmoid for all but cell, which is tanh.
    b : (4*H,), optional
        One bias: PyTorch's ``b_ih + b_hh``.
    h0, c0 : (N, H), optional
        State and cell before the first step; zeros by default.
    lengths : integer array (N,), optional
        Steps of each sequence, 0 to T. Afterwards its state stands still and its outputs are zero.
    reverse : bool
        Run from each sequence's end to its start; outputs stay at the time of their input.

    Returns
    -------
    y : (T, N, H)
    h, c : (N, H)
        State and cell after each sequence's last step.
    """
    lengths = r.check_sequence("lstm", 4, x, w_ih, w_hh, (b,), (h0, c0), lengths)
    xs = r.time_reversed(x, lengths) if reverse else x
    t_steps, n, n_hidden = x.shape[0], x.shape[1], w_hh.shape[0]
    gates = r.project(xs, w_ih, b)  # pre-activations, turned into gate values step by step
    hs = r.states(xp, t_steps, n, n_hidden, x.dtype, h0)
    cs = r.states(xp, t_steps, n, n_hidden, x.dtype, c0)
    active = r.activity(xp, lengths, t_steps, x.dtype)
    slope, shift = _sigmoid_by_tanh(xp, n, n_hidden, x.dtype)
    i_all, f_all, u_all, o_all = _split(gates, n_hidden)
    product = xp.empty_like(hs[0])
    with products_with(w_hh, n) as multiply:
        for t in range(t_steps):
            a, h, c = gates[t], hs[t + 1], cs[t + 1]
            a += multiply(hs[t])
            a *= slope
            xp.tanh(a, out=a)
            a *= slope
            a += shift
            xp.multiply(f_all[t], cs[t], out=c)
            xp.multiply(i_all[t], u_all[t], out=product)
            c += product
            r.hold(xp, active, t, c, cs[t])
            xp.tanh(c, out=h)
            h *= o_all[t]
            r.hold(xp, active, t, h, hs[t])
    return r.outputs(hs, active, lengths, reverse), hs[-1].copy(), cs[-1].copy(), xs, hs, cs, gates


@lstm.fast
def _(
    g: tuple,
    w_ih: Any,
    w_hh: Any,
    b: Any,
    lengths: Any,
    reverse: bool,
    xs: Any,
    hs: Any,
    cs: Any,
    gates: Any,
    wanted: tuple[bool, ...],
) -> tuple:
    xp = namespace_of(hs)
    n_hidden = w_hh.shape[0]
    lengths = r.as_lengths(xp, lengths)
    active = r.activity(xp, lengths, xs.shape[0], hs.dtype)
    gy = r.incoming(xp, g[0], lengths, reverse, active)
    dh, dc = r.start(xp, g[1], hs), r.start(xp, g[2], hs)
    dz, slope_c = _slopes(xp, gates, cs)
    by_gate, f_all = dz.reshape(*dz.shape[:2], 4, n_hidden), _split(gates, n_hidden)[1]
    work = xp.empty_like(dh)
    with products_with(w_hh.T, hs.shape[1]) as multiply:
        for t in reversed(range(xs.shape[0])):
            if gy is not None:
                dh += gy[t]
            before = dc
            xp.multiply(dh, slope_c[t], out=work)
            dc = dc + work
            by_gate[t, :, :3] *= dc[:, None]
            by_gate[t, :, 3] *= dh
            dc *= f_all[t]
            if active is not None:
                dc = xp.where(active[t], dc, before)
            dh = r.pass_back(xp, multiply, active, t, dz[t], dh)
    return (*r.weight_gradients(xp, dz, xs, hs, w_ih, b, lengths, reverse, wanted), dh, dc)


@lstm.definition
def _(
    x: Any,
    w_ih: Any,
    w_hh: Any,
    b: Any = None,
    h0: Any = None,
    c0: Any = None,
    lengths: Any = None,
    reverse: bool = False,
) -> tuple:
    n_hidden = w_hh.shape[0]

    def cell(z: Any, state: tuple) -> tuple:
        h, c = state
        i, f, u, o = _split(z + h @ w_hh, n_hidden)
        c = _e.sigmoid(f) * c + _e.sigmoid(i) * _e.tanh(u)
        return _e.sigmoid(o) * _e.tanh(c), c

    y, (h, c) = r.unrolled(cell, x, w_ih, b, (h0, c0), n_hidden, lengths, reverse)
    return y, h, c


def _split(a: Any, n_hidden: int) -> tuple[Any, Any, Any, Any]:
    """The four gates of (..., 4*H) as views."""
    return tuple(a[..., k * n_hidden : (k + 1) * n_hidden] for k in range(4))  # type: ignore[return-value]


def _sigmoid_by_tanh(xp: Any, n: int, n_hidden: int, dtype: Any) -> tuple[Any, Any]:
    """Factors with which one tanh computes all gates: ``sigmoid(a) = tanh(a/2)/2 + 1/2``, and tanh itself for g."""
    slope, shift = xp.full((n, 4 * n_hidden), 0.5, dtype), xp.full((n, 4 * n_hidden), 0.5, dtype)
    cell = slice(2 * n_hidden, 3 * n_hidden)
    slope[:, cell], shift[:, cell] = 1, 0
    return slope, shift


def _slopes(xp: Any, gates: Any, cs: Any) -> tuple[Any, Any]:
    """All that backward needs and that does not depend on the sweep, for all steps at once.

    Returns
    -------
    slopes : (T, N, 4*H)
        Derivative of the cell by the pre-activations of i, f, g; of the state by that of o.
    slope_c : (T, N, H)
        Derivative of the state by the cell, ``o * (1 - tanh(c)**2)``.
    """
    n_hidden = cs.shape[-1]
    i, _, u, o = _split(gates, n_hidden)
    slopes = xp.multiply(gates, gates)  # s - s*s for the sigmoids; the tanh follows below
    xp.subtract(gates, slopes, out=slopes)
    d_i, d_f, d_u, d_o = _split(slopes, n_hidden)
    d_i *= u
    d_f *= cs[:-1]
    xp.multiply(u, u, out=d_u)
    xp.subtract(1, d_u, out=d_u)
    d_u *= i
    slope_c = xp.tanh(cs[1:])
    d_o *= slope_c
    slope_c *= slope_c
    xp.subtract(1, slope_c, out=slope_c)
    slope_c *= o
    return slopes, slope_c
