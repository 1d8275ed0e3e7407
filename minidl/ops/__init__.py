"""The differentiable operations, one file per family; importing this installs Tensor's operators."""

from . import operators as operators
from .activation import elu, gelu, hardtanh, leaky_relu, silu, softplus
from .arithmetic import (
    add,
    arctan2,
    bitwise_and,
    bitwise_or,
    bitwise_xor,
    divide,
    equal,
    greater,
    greater_equal,
    invert,
    less,
    less_equal,
    logical_and,
    logical_not,
    logical_or,
    maximum,
    minimum,
    multiply,
    not_equal,
    power,
    subtract,
)
from .attention import scaled_dot_product_attention
from .conv import conv1d, conv2d, conv2d_by_input, conv2d_by_weight, conv_transpose2d
from .cross_entropy import cross_entropy
from .dropout import dropout
from .einsum import einsum
from .elementwise import (
    abs,
    arccos,
    arcsin,
    arctan,
    astype,
    ceil,
    clip,
    cos,
    cosh,
    erf,
    exp,
    expm1,
    floor,
    isfinite,
    isnan,
    log,
    log1p,
    negative,
    reciprocal,
    relu,
    round,
    sigmoid,
    sign,
    sin,
    sinh,
    sqrt,
    square,
    tan,
    tanh,
    where,
)
from .index import diagonal, embedding, getitem, one_hot, scatter_add, take, take_along_axis
from .linalg import (
    cholesky,
    det,
    dot,
    inner,
    inverse,
    matmul,
    outer,
    slogdet,
    solve,
    tensordot,
    trace,
    tril,
    triu,
    vdot,
)
from .linear import linear
from .norm import group_norm, layer_norm, rms_norm
from .norm_batch import batch_norm
from .pool import adaptive_avg_pool2d, adaptive_max_pool2d, avg_pool2d, global_avg_pool2d, max_pool2d
from .recurrent import rnn
from .recurrent_gru import gru
from .recurrent_lstm import lstm
from .reduce import all, any, argmax, argmin, cumsum, logsumexp, max, mean, min, norm, prod, std, sum, var
from .shape import (
    broadcast_to,
    concatenate,
    expand_dims,
    flip,
    moveaxis,
    pad,
    ravel,
    repeat,
    reshape,
    roll,
    split,
    squeeze,
    stack,
    swapaxes,
    tile,
    transpose,
)
from .softmax import log_softmax, softmax
