"""Rows of the op table for products of matrices and linear algebra."""

import numpy as np
from cases import Case

from minidl import ops


def rows(name, *shapes, reference=None, **kwargs):
    reference = reference or getattr(np, name)
    return [Case(name, getattr(ops, name), reference, s, kwargs=kwargs) for s in shapes]


def einsum(subscripts, *shapes):
    return Case("einsum", lambda *xs: ops.einsum(subscripts, *xs), lambda *xs: np.einsum(subscripts, *xs), shapes)


def linear(x, w, b=None):
    y = np.einsum("...i,io->...o", x, w)
    return y if b is None else y + b


def positive(x, xp):
    """A symmetric positive definite matrix."""
    return xp.matmul(x, xp.swapaxes(x, -1, -2))


CASES = [
    *rows(
        "matmul", [(3, 4), (4, 5)], [(4,), (4,)], [(4,), (4, 5)], [(3, 4), (4,)], [(2, 3, 4), (4, 5)], [(2, 3, 4), (4,)]
    ),
    *rows(
        "matmul",
        [(4,), (2, 4, 3)],
        [(2, 3, 4), (2, 4, 2)],
        [(5, 1, 3, 4), (2, 4, 2)],
        [(3, 0), (0, 2)],
        [(3, 1), (1, 1)],
    ),
    *rows("dot", [(4,), (4,)], [(3, 4), (4, 2)], [(2, 3, 4), (4,)], [(2, 3, 4), (5, 4, 2)], [(), (3,)], [(3, 4), (4,)]),
    *rows("vdot", [(4,), (4,)], [(2, 3), (2, 3)]),
    *rows("inner", [(4,), (4,)], [(3, 4), (2, 4)], [(3,), ()]),
    *rows("outer", [(3,), (4,)], [(2, 2), (3,)]),
    *rows("tensordot", [(2, 3, 4), (3, 4, 5)], [(3, 4), (3, 4)]),
    *rows("tensordot", [(2, 3), (4,)], axes=0),
    *rows("tensordot", [(2, 3, 4), (4, 5, 2)], axes=([0, 2], [2, 0])),
    *rows("tensordot", [(2, 3), (4, 3)], axes=(-1, -1)),
    einsum("ij,jk->ik", (2, 3), (3, 4)),
    einsum("ij,jk", (2, 3), (3, 4)),
    einsum("bqhd,bkhd->bhqk", (2, 3, 2, 4), (2, 5, 2, 4)),
    einsum("...i,i->...", (2, 3, 4), (4,)),
    einsum("...ij,...jk->...ik", (5, 2, 3), (1, 3, 4)),
    einsum("ii->i", (3, 3)),
    einsum("iji->j", (3, 2, 3)),
    einsum("ij->", (2, 3)),
    einsum("ba", (2, 3)),
    einsum("i,j,k->kji", (2,), (3,), (4,)),
    einsum("ij,jk,kl->il", (2, 3), (3, 4), (4, 2)),
    einsum("ij,ij->ij", (2, 3), (2, 3)),
    *rows(
        "linear", [(3, 4), (4, 5), (5,)], [(3, 4), (4, 5)], [(2, 3, 4), (4, 2), (2,)], [(4,), (4, 2)], reference=linear
    ),
    *rows("triu", [(3, 4)], [(2, 3, 3)]),
    *rows("triu", [(3, 4)], k=-1),
    *rows("tril", [(3, 4)], [(2, 3, 3)]),
    *rows("tril", [(3, 4)], k=1),
    *rows("trace", [(3, 3)], [(2, 3, 4)]),
    *rows("trace", [(2, 3, 4)], offset=1, axis1=2, axis2=1),
    *rows("inverse", [(3, 3)], [(2, 2, 2)], reference=np.linalg.inv),
    *rows(
        "solve",
        [(3, 3), (3, 2)],
        [(3, 3), (3,)],
        [(2, 3, 3), (2, 3, 1)],
        [(2, 3, 3), (3, 2)],
        reference=np.linalg.solve,
    ),
    *[
        Case(
            "cholesky", lambda x: ops.cholesky(positive(x, ops)), lambda x: np.linalg.cholesky(positive(x, np)), [shape]
        )
        for shape in ((3, 5), (2, 2, 4))
    ],
    *rows("slogdet", [(3, 3)], [(2, 2, 2)], reference=np.linalg.slogdet),
    *rows("det", [(3, 3)], [(2, 2, 2)], reference=np.linalg.det),
]
