"""The layers of a Transformer: attention, then a small network for each position (Vaswani et al., 2017)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import ops
from ..backend.random import generator
from ..errors import ArgumentError
from . import init as initial
from .attention import MultiHeadAttention
from .dropout import Dropout
from .linear import Linear
from .module import Module
from .norm import LayerNorm


class _TransformerLayer(Module):
    """What encoder and decoder layer share: the feed-forward block, and where the norms stand."""

    norm_first: bool
    linear1: Linear
    linear2: Linear
    dropout: Dropout

    def _feed_forward_parts(self, d_model: int, d_ff: int, dropout: float, activation: str, rng: Any) -> None:
        if activation not in ("relu", "gelu"):
            raise ArgumentError(f"{type(self).__name__}: activation must be 'relu' or 'gelu', not {activation!r}")
        self.activation = activation
        self.linear1 = Linear(d_model, d_ff, rng=rng, init=initial.glorot_uniform)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(d_ff, d_model, rng=rng, init=initial.glorot_uniform)

    def _feed_forward(self, x: Any) -> Any:
        act = ops.relu if self.activation == "relu" else ops.gelu
        return self.linear2(self.dropout(act(self.linear1(x))))

    def _residual(self, x: Any, norm: LayerNorm, dropout: Dropout, block: Callable[[Any], Any]) -> Any:
        """``x + block(x)``, with the norm before the block (Xiong et al., 2020) or after the sum (the original)."""
        if self.norm_first:
            return x + dropout(block(norm(x)))
        return norm(x + dropout(block(x)))

    def extra_repr(self) -> str:
        return f"activation={self.activation}, norm_first={self.norm_first}"


class TransformerEncoderLayer(_TransformerLayer):
    """Self-attention and feed-forward, each with a residual connection and layer norm.

    With ``causal=True`` in the call it is the layer of a language model such as GPT.

    Parameters
    ----------
    d_model, n_heads : int
    d_ff : int
        Width of the feed-forward network.
    dropout : float
        On the output of each block, in the feed-forward network and on the attention probabilities.
    activation : {"relu", "gelu"}
    norm_first : bool
        Normalise each block's input instead of its sum: trains without warm-up.
    eps : float
        Of the layer norms.
    rng : Generator, int or None
    """

    def __init__(
        self,
        d_model: int,
        n_heads: int,
        d_ff: int = 2048,
        dropout: float = 0.1,
        activation: str = "relu",
        norm_first: bool = False,
        eps: float = 1e-5,
        rng: initial.Rng = None,
    ) -> None:
        rng = generator(rng)
        self.norm_first = norm_first
        self.self_attn = MultiHeadAttention(d_model, n_heads, dropout, rng=rng)
        self._feed_forward_parts(d_model, d_ff, dropout, activation, rng)
        self.norm1, self.norm2 = LayerNorm(d_model, eps), LayerNorm(d_model, eps)
        self.dropout1, self.dropout2 = Dropout(dropout), Dropout(dropout)

    def forward(self, x: Any, mask: Any = None, causal: bool = False, key_mask: Any = None) -> Any:
        """(N, T, D) -> (N, T, D); masks and `causal` as in :class:`MultiHeadAttention`."""
        masks = {"mask": mask, "causal": causal, "key_mask": key_mask}
        x = self._residual(x, self.norm1, self.dropout1, lambda z: self.self_attn(z, **masks))
        return self._residual(x, self.norm2, self.dropout2, self._feed_forward)


class TransformerDecoderLayer(_TransformerLayer):
    """Causal self-attention, attention to an encoder's output, and feed-forward; parameters as in the encoder layer."""

    def __init__(
        self,
        d_model: int,
        n_heads: int,
        d_ff: int = 2048,
        dropout: float = 0.1,
        activation: str = "relu",
        norm_first: bool = False,
        eps: float = 1e-5,
        rng: initial.Rng = None,
    ) -> None:
        rng = generator(rng)
        self.norm_first = norm_first
        self.self_attn = MultiHeadAttention(d_model, n_heads, dropout, rng=rng)
        self.multihead_attn = MultiHeadAttention(d_model, n_heads, dropout, rng=rng)
        self._feed_forward_parts(d_model, d_ff, dropout, activation, rng)
        self.norm1, self.norm2, self.norm3 = (LayerNorm(d_model, eps) for _ in range(3))
        self.dropout1, self.dropout2, self.dropout3 = (Dropout(dropout) for _ in range(3))

    def forward(
        self,
        x: Any,
        memory: Any,
        mask: Any = None,
        causal: bool = True,
        key_mask: Any = None,
        memory_key_mask: Any = None,
    ) -> Any:
        """(N, T, D) and `memory` (N, S, D) -> (N, T, D); `memory_key_mask` (N, S) hides padding in memory."""
        masks = {"mask": mask, "causal": causal, "key_mask": key_mask}

        def look(z: Any) -> Any:
            return self.multihead_attn(z, memory, memory, key_mask=memory_key_mask)

        x = self._residual(x, self.norm1, self.dropout1, lambda z: self.self_attn(z, **masks))
        x = self._residual(x, self.norm2, self.dropout2, look)
        return self._residual(x, self.norm3, self.dropout3, self._feed_forward)
