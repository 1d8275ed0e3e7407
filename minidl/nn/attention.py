"""Multi-head attention: each position reads from all others, in several ways at once (Vaswani et al., 2017)."""

from __future__ import annotations

import math
from typing import Any

from .. import ops
from ..autograd import array_of
from ..autograd.tensor import with_shape
from ..backend import namespace_of
from ..backend.random import generator
from ..errors import ShapeError
from ..params import Parameter
from . import init as initial
from .checks import check_divides, check_positive, check_probability
from .dropout import drop
from .linear import Linear
from .module import Module


class MultiHeadAttention(Module):
    """Project to queries, keys and values; attend in each head; project back.

    Parameters
    ----------
    d_model : int
        Features D of input and output.
    n_heads : int
        Divides `d_model`.
    dropout : float
        On the attention probabilities, in training. It needs all scores in memory; without it they are not kept.
    bias : bool
    rng : Generator, int or None

    Attributes
    ----------
    in_proj_weight : Parameter (D, 3*D)
        Queries, keys, values side by side. :func:`~minidl.nn.init.glorot_uniform`, each for itself.
    in_proj_bias : Parameter (3*D,) or None
    out_proj : Linear (D, D)
    """

    def __init__(
        self, d_model: int, n_heads: int, dropout: float = 0.0, bias: bool = True, rng: initial.Rng = None
    ) -> None:
        check_positive("MultiHeadAttention", d_model=d_model, n_heads=n_heads)
        check_divides("MultiHeadAttention", d_model=d_model, n_heads=n_heads)
        self.d_model, self.n_heads = d_model, n_heads
        self.dropout = check_probability("MultiHeadAttention", dropout)
        rng = generator(rng)
        parts = [initial.glorot_uniform((d_model, d_model), rng) for _ in range(3)]
        self.in_proj_weight = Parameter(namespace_of(parts[0]).concatenate(parts, axis=1))
        self.in_proj_bias = Parameter(initial.zeros((3 * d_model,))) if bias else None
        self.out_proj = Linear(d_model, d_model, bias, rng, initial.glorot_uniform)

    def forward(
        self,
        query: Any,
        key: Any = None,
        value: Any = None,
        mask: Any = None,
        causal: bool = False,
        key_mask: Any = None,
    ) -> Any:
        """Attend from `query` to `key`.

        Parameters
        ----------
        query : (N, T, D)
        key, value : (N, S, D), optional
            Without them, self-attention; `value` is `key` unless given.
        mask : bool or float (T, S), (N, T, S) or (N, heads, T, S), optional
            Bool: True where a query may attend. Float: added to the scores.
        causal : bool
            Position t sees 0 to t only.
        key_mask : bool (N, S), optional
            True where there is a key; False hides padding.

        Returns
        -------
        (N, T, D)
            Zeros before the output projection where a query may attend to nothing.
        """
        query = with_shape(query)
        q, k, v = self._project(query, key, value)
        mask = _full_mask(mask, key_mask, (query.shape[0], query.shape[1], k.shape[2]), k.dtype)
        if self.dropout and self.training:
            y = self._attend_dropping(q, k, v, mask, causal)
        else:
            y = ops.scaled_dot_product_attention(q, k, v, mask, causal)
        return self.out_proj(y.swapaxes(1, 2).reshape(query.shape))

    def _project(self, query: Any, key: Any, value: Any) -> tuple[Any, Any, Any]:
        """Queries, keys and values as (N, heads, T, D / heads); one product where the input is the same."""
        for name, x in (("query", query), ("key", key), ("value", value)):
            if x is not None and (x.ndim != 3 or x.shape[-1] != self.d_model or x.shape[0] != query.shape[0]):
                raise ShapeError(f"{name} must have shape (N, T, {self.d_model}) with one N, not {x.shape}")
        w, b = self.in_proj_weight, self.in_proj_bias
        if key is None and value is None:
            parts = ops.split(ops.linear(query, w, b), 3, axis=-1)
        else:
            key = query if key is None else key
            inputs = (query, key, key if value is None else value)
            ws = ops.split(w, 3, axis=1)
            bs = (None, None, None) if b is None else ops.split(b, 3, axis=0)
            parts = tuple(ops.linear(x, wi, bi) for x, wi, bi in zip(inputs, ws, bs, strict=True))
        shape = (self.n_heads, self.d_model // self.n_heads)
        return tuple(p.reshape((*p.shape[:2], *shape)).swapaxes(1, 2) for p in parts)  # type: ignore[return-value]

    def _attend_dropping(self, q: Any, k: Any, v: Any, mask: Any, causal: bool) -> Any:
        """Attention written out, with dropout on the probabilities."""
        s = (q @ k.swapaxes(-1, -2)) * (1 / math.sqrt(q.shape[-1]))
        xp = namespace_of(s.data)
        allowed = xp.ones(s.shape[-2:], bool)
        if causal:
            allowed = xp.tril(allowed)
        if mask is not None and mask.dtype.kind == "b":
            allowed = allowed & mask
        elif mask is not None:
            allowed = allowed & xp.isfinite(mask)
            s = s + xp.where(xp.isfinite(mask), mask, xp.zeros_like(mask))
        s = ops.where(allowed, s, xp.full((), -1e30, s.dtype))
        p = ops.softmax(s, -1) * allowed.any(-1, keepdims=True).astype(s.dtype)  # nothing allowed: zeros
        return drop(p, self.dropout, None) @ v

    def multiply_adds(self, y: Any, *inputs: Any, **options: Any) -> int:
        query = inputs[0]
        key = options.get("key", inputs[1] if len(inputs) > 1 else None)
        key = query if key is None else key
        n, t, s, d = query.shape[0], query.shape[1], key.shape[1], self.d_model
        return n * (t + 2 * s) * d * d + 2 * n * t * s * d  # projections; scores and weighted sum

    def extra_repr(self) -> str:
        return f"{self.d_model}, {self.n_heads}" + (f", dropout={self.dropout}" if self.dropout else "")


def _full_mask(mask: Any, key_mask: Any, sizes: tuple[int, int, int], dtype: Any) -> Any:
    """Both masks as one array that broadcasts to (N, heads, T, S); None without either."""
    n, t, s = sizes
    if key_mask is not None:
        key_mask = array_of(with_shape(key_mask))
        if key_mask.shape != (n, s) or key_mask.dtype.kind != "b":
            raise ShapeError(f"key_mask must be bool of shape {(n, s)}, not {key_mask.dtype} {key_mask.shape}")
        key_mask = key_mask[:, None, None, :]
    if mask is None:
        return key_mask
    mask = array_of(with_shape(mask))
    if mask.shape[-2:] != (t, s) or mask.ndim > 4 or (mask.ndim > 2 and mask.shape[0] not in (1, n)):
        raise ShapeError(f"mask must have shape {(t, s)}, {(n, t, s)} or (N, heads, T, S), not {mask.shape}; "
                         "for padding keys, pass key_mask")  # fmt: skip
    mask = mask[:, None] if mask.ndim == 3 else mask
    if key_mask is None:
        return mask
    xp = namespace_of(mask)
    return mask & key_mask if mask.dtype.kind == "b" else xp.where(key_mask, mask, xp.full((), -xp.inf, dtype))
