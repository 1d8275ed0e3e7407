"""Gated recurrent unit over whole sequences as one op (Cho et al., 2014; Deep Learning, section 10.10.2).

The reset gate acts after the hidden product, ``r * (h @ w_hn + b_hn)``, as in cuDNN and PyTorch: so one product a step.
"""

from __future__ import annotations

from typing import Any

from ..autograd.op import Array, op
from ..backend import namespace_of
from ..backend.sweeps import products_with
from . import elementwise as _e
from . import recurrent as r


@op(residuals=("xs", "hs", "gates", "hidden"))
def gru(
    x: Array,
    w_ih: Array,
    w_hh: Array,
    b_ih: Array | None = None,
    b_hh: Array | None = None,
    h0: Array | None = None,
    lengths: Any = None,
    reverse: bool = False,
    *,
    xp: Any,
) -> tuple:
    """``r, z = sigmoid(...)``; ``n = tanh(x@w_in + b_in + r*(h@w_hn + b_hn))``; ``h = n + z*(h - n)``.

    Parameters
    ----------
    x : float array (T, N, F)
    w_ih : (F, 3*H)
    w_hh : (H, 3*H)
        Columns in the order reset, update, new.
    b_ih, b_hh : (3*H,), optional
        Biases of the input and of the hidden product; they differ because of the reset gate.
    h0 : (N, H), optional
        The state before the first step; zeros by default.
    lengths : integer array (N,), optional
        Steps of each sequence, 0 to T. Afterwards its state stands still and its outputs are zero.
    reverse : bool
        Run from each sequence's end to its start; outputs stay at the time of their input.

    Returns
    -------
    y : (T, N, H)
    h : (N, H)
        The state after each sequence's last step.
    """
    lengths = r.check_sequence("gru", 3, x, w_ih, w_hh, (b_ih, b_hh), (h0,), lengths)
    xs = r.time_reversed(x, lengths) if reverse else x
    t_steps, n, n_hidden = x.shape[0], x.shape[1], w_hh.shape[0]
    gates = r.project(xs, w_ih, b_ih)  # pre-activations, turned into gate values step by step
    hs = r.states(xp, t_steps, n, n_hidden, x.dtype, h0)
    hidden = xp.empty_like(hs[1:])  # h @ w_hn + b_hn: what the reset gate multiplies
    active = r.activity(xp, lengths, t_steps, x.dtype)
    with products_with(w_hh, n) as multiply:
        for t in range(t_steps):
            h, before = hs[t + 1], hs[t]
            rz, new = gates[t][:, : 2 * n_hidden], gates[t][:, 2 * n_hidden :]
            a = multiply(before)
            if b_hh is not None:
                a += b_hh
            rz += a[:, : 2 * n_hidden]
            rz *= 0.5  # sigmoid(a) = tanh(a/2)/2 + 1/2
            xp.tanh(rz, out=rz)
            rz *= 0.5
            rz += 0.5
            hidden[t] = a[:, 2 * n_hidden :]
            xp.multiply(rz[:, :n_hidden], hidden[t], out=h)
            new += h
            xp.tanh(new, out=new)
            xp.subtract(before, new, out=h)
            h *= rz[:, n_hidden:]
            h += new
            r.hold(xp, active, t, h, before)
    return r.outputs(hs, active, lengths, reverse), hs[-1].copy(), xs, hs, gates, hidden


@gru.fast
def _(
    g: tuple,
    w_ih: Any,
    w_hh: Any,
    b_ih: Any,
    b_hh: Any,
    lengths: Any,
    reverse: bool,
    xs: Any,
    hs: Any,
    gates: Any,
    hidden: Any,
    wanted: tuple[bool, ...],
) -> tuple:
    xp = namespace_of(hs)
    n_hidden = w_hh.shape[0]
    lengths = r.as_lengths(xp, lengths)
    active = r.activity(xp, lengths, xs.shape[0], hs.dtype)
    gy, dh = r.incoming(xp, g[0], lengths, reverse, active), r.start(xp, g[1], hs)
    dz, da = _slopes(xp, gates, hs, hidden)
    update, direct = gates[..., n_hidden : 2 * n_hidden], xp.empty_like(dh)
    z_by_gate, a_by_gate = (d.reshape(*d.shape[:2], 3, n_hidden) for d in (dz, da))
    with products_with(w_hh.T, hs.shape[1]) as multiply:
        for t in reversed(range(xs.shape[0])):
            if gy is not None:
                dh += gy[t]
            z_by_gate[t] *= dh[:, None]
            a_by_gate[t] *= dh[:, None]
            xp.multiply(dh, update[t], out=direct)  # what reaches the earlier state past the gates
            if active is not None:
                dz[t] *= active[t]
            dh = r.pass_back(xp, multiply, active, t, da[t], dh, direct)
    gx, g_ih, _, gb_ih = r.weight_gradients(xp, dz, xs, hs, w_ih, b_ih, lengths, reverse, wanted)
    of_hidden = (False, False, wanted[2], wanted[4])
    _, _, g_hh, gb_hh = r.weight_gradients(xp, da, xs, hs, w_ih, b_hh, lengths, reverse, of_hidden)
    return gx, g_ih, g_hh, gb_ih, gb_hh, dh


@gru.definition
def _(
    x: Any,
    w_ih: Any,
    w_hh: Any,
    b_ih: Any = None,
    b_hh: Any = None,
    h0: Any = None,
    lengths: Any = None,
    reverse: bool = False,
) -> tuple:
    n = w_hh.shape[0]

    def cell(z: Any, state: tuple) -> tuple:
        (h,) = state
        a = h @ w_hh if b_hh is None else h @ w_hh + b_hh
        reset, update = _e.sigmoid(z[:, :n] + a[:, :n]), _e.sigmoid(z[:, n : 2 * n] + a[:, n : 2 * n])
        new = _e.tanh(z[:, 2 * n :] + reset * a[:, 2 * n :])
        return (new + update * (h - new),)

    y, (h,) = r.unrolled(cell, x, w_ih, b_ih, (h0,), n, lengths, reverse)
    return y, h


def _slopes(xp: Any, gates: Any, hs: Any, hidden: Any) -> tuple[Any, Any]:
    """Derivatives of each state by the pre-activations, for all steps at once: they do not depend on the sweep.

    Returns
    -------
    by_input, by_hidden : (T, N, 3*H)
        By the input and by the hidden product; they differ in the last third, behind the reset gate.
    """
    n_hidden = hs.shape[-1]
    reset, update, new = (gates[..., k * n_hidden : (k + 1) * n_hidden] for k in range(3))
    slopes = xp.multiply(gates, gates)  # s - s*s for the sigmoids
    xp.subtract(gates, slopes, out=slopes)
    d_r, d_u, d_n = (slopes[..., k * n_hidden : (k + 1) * n_hidden] for k in range(3))
    xp.multiply(new, new, out=d_n)
    xp.subtract(1, d_n, out=d_n)
    d_n *= 1 - update
    d_u *= hs[:-1] - new
    d_r *= hidden
    d_r *= d_n
    by_hidden = slopes.copy()
    by_hidden[..., 2 * n_hidden :] *= reset
    return slopes, by_hidden
