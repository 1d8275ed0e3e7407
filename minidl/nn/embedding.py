"""A table of vectors, one for each word (Deep Learning, sections 12.4.2 and 14.4)."""

from __future__ import annotations

from typing import Any

from .. import ops
from ..autograd import array_of
from ..errors import ArgumentError
from ..params import Parameter
from . import init as initial
from .checks import check_positive
from .module import Module


class Embedding(Module):
    """Look up a row of the table for each integer.

    Parameters
    ----------
    num_embeddings : int
        Rows V.
    embedding_dim : int
        Length D of each.
    sparse : bool
        The gradient holds only the rows that were looked up; for tables much larger than a batch.
    padding_idx : int, optional
        A row that starts at zero and receives no gradient. Negative counts from the end.
    rng, init
        Of the table, normal with standard deviation 1 unless given.

    Attributes
    ----------
    weight : Parameter (V, D)
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        sparse: bool = False,
        padding_idx: int | None = None,
        rng: initial.Rng = None,
        init: initial.Initialiser = initial.normal,
    ) -> None:
        check_positive("Embedding", num_embeddings=num_embeddings, embedding_dim=embedding_dim)
        if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
            raise ArgumentError(f"Embedding: padding_idx={padding_idx} is not one of the {num_embeddings} rows")
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.padding_idx = None if padding_idx is None else padding_idx % num_embeddings
        table = init((num_embeddings, embedding_dim), rng)
        if self.padding_idx is not None:
            table[self.padding_idx] = 0
        self.weight = Parameter(table, sparse=sparse)

    def forward(self, index: Any) -> Any:
        """Integers (...) -> (..., D)."""
        rows = ops.embedding(self.weight, index)
        if self.padding_idx is None:
            return rows
        index = array_of(index)
        return ops.where((index != self.padding_idx)[..., None], rows, self.weight.data[self.padding_idx])

    def extra_repr(self) -> str:
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}" + (", sparse=True" if self.weight.sparse else "")
