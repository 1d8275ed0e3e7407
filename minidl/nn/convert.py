"""Weights from and to PyTorch: the same names, other layouts.

minidl is channels-last and multiplies from the right (``x @ w``), so most weights are PyTorch's with the axes in
another order:

=====================  ==============================  ==============================
layer                  PyTorch                         minidl
=====================  ==============================  ==============================
Linear                 weight (out, in)                (in, out)
Conv1d                 weight (O, I/g, K)              (K, I/g, O)
Conv2d                 weight (O, I/g, KH, KW)         (KH, KW, I/g, O)
ConvTranspose2d        weight (I, O/g, KH, KW)         (KH, KW, I, O/g)
RNN, LSTM, GRU         weight_ih_l0 (G*H, F)           (F, G*H); likewise weight_hh
RNN, LSTM              bias_ih_l0, bias_hh_l0          bias_l0, their sum
GRU                    bias_ih_l0, bias_hh_l0          the same
MultiHeadAttention     in_proj_weight (3*D, D)         (D, 3*D)
BatchNorm              num_batches_tracked             left out
others                                                 the same
=====================  ==============================  ==============================

A Linear behind a Flatten of images needs more: PyTorch flattens (C, H, W), minidl (H, W, C). Say so by
``flatten={"fc1.weight": (C, H, W)}``, and its inputs are put in order.

Examples
--------
>>> state = dl.load("model.safetensors")                      # written by PyTorch
>>> model.load_state_dict(from_torch_layout(state, model, flatten={"fc1.weight": (64, 7, 7)}))
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..autograd import Tensor
from ..errors import CheckpointError
from .attention import MultiHeadAttention
from .conv import Conv1d, Conv2d, ConvTranspose2d
from .linear import Linear
from .module import Module
from .norm import _BatchNorm
from .recurrent import GRU, _Recurrent
from .tree import owner_path, walk

ImageShape = tuple[int, int, int]

_AXES: dict[type, tuple[int, ...]] = {  # of a weight, from PyTorch's order to minidl's
    Linear: (1, 0),
    Conv1d: (2, 1, 0),
    Conv2d: (2, 3, 1, 0),
    ConvTranspose2d: (2, 3, 0, 1),
}


def from_torch_layout(
    state: Mapping[str, Any], model: Module, flatten: Mapping[str, ImageShape] | None = None
) -> dict[str, np.ndarray]:
    """Turn a PyTorch state dict into one for `model`, which has the same structure and attribute names.

    Parameters
    ----------
    state : mapping of name to array
        As PyTorch names them. Names that no layer of `model` explains are passed on as they are, so that
        ``load_state_dict`` lists them.
    model : Module
    flatten : mapping of name to (C, H, W), optional
        Linear weights that read a flattened image, with that image's shape.

    Returns
    -------
    dict of name to array
        For ``model.load_state_dict``.

    Raises
    ------
    CheckpointError
        A weight with the wrong number of axes, or a name or shape in `flatten` that does not fit.
    """
    images = _checked_images(flatten, state)
    result: dict[str, np.ndarray] = {}
    for path, module, arrays in _by_module(state, model):
        image = images.get(f"{path}weight")
        result |= {path + name: a for name, a in _to_minidl(module, arrays, image, path).items()}
    return result


def to_torch_layout(
    state: Mapping[str, Any], model: Module, flatten: Mapping[str, ImageShape] | None = None
) -> dict[str, np.ndarray]:
    """The inverse of :func:`from_torch_layout`: ``model.state_dict()`` for PyTorch's ``load_state_dict``.

    The one bias of an RNN or LSTM becomes ``bias_ih``, with ``bias_hh`` zero.
    """
    images = _checked_images(flatten, state)
    result: dict[str, np.ndarray] = {}
    for path, module, arrays in _by_module(state, model):
        image = images.get(f"{path}weight")
        result |= {path + name: a for name, a in _to_torch(module, arrays, image, path).items()}
    return result


# -- one module ------------------------------------------------------------------------------------------


def _to_minidl(
    module: Module, arrays: dict[str, np.ndarray], image: ImageShape | None, path: str
) -> dict[str, np.ndarray]:
    axes = _axes_of(module)
    result = {}
    for name, a in arrays.items():
        if name == "weight" and axes is not None:
            _check_axes(a, len(axes), path + name, module)
            if image is not None:  # (out, C*H*W) -> (out, H*W*C)
                _check_image(a.shape[1], image, path + name)
                a = a.reshape(a.shape[0], *image).transpose(0, 2, 3, 1).reshape(a.shape[0], -1)
            a = a.transpose(axes)
        elif _is_matrix(module, name):
            _check_axes(a, 2, path + name, module)
            a = a.T
        elif isinstance(module, _BatchNorm) and name == "num_batches_tracked":
            continue
        elif _has_one_bias(module) and name.startswith("bias_hh"):
            continue
        elif _has_one_bias(module) and name.startswith("bias_ih"):
            other = arrays.get(name.replace("bias_ih", "bias_hh"))
            a = a if other is None else a + other
            name = name.replace("bias_ih", "bias")
        result[name] = np.ascontiguousarray(a)
    return result


def _to_torch(
    module: Module, arrays: dict[str, np.ndarray], image: ImageShape | None, path: str
) -> dict[str, np.ndarray]:
    axes = _axes_of(module)
    result = {}
    for name, a in arrays.items():
        if name == "weight" and axes is not None:
            _check_axes(a, len(axes), path + name, module)
            a = a.transpose(np.argsort(axes))
            if image is not None:
                c, h, w = image
                _check_image(a.shape[1], image, path + name)
                a = a.reshape(a.shape[0], h, w, c).transpose(0, 3, 1, 2).reshape(a.shape[0], -1)
        elif _is_matrix(module, name):
            _check_axes(a, 2, path + name, module)
            a = a.T
        elif _has_one_bias(module) and name.startswith("bias"):
            result[name.replace("bias", "bias_hh")] = np.zeros_like(a)
            name = name.replace("bias", "bias_ih")
        result[name] = np.ascontiguousarray(a)
    if isinstance(module, _BatchNorm) and arrays:
        result["num_batches_tracked"] = np.zeros((), np.int64)
    return result


def _axes_of(module: Module) -> tuple[int, ...] | None:
    return next((axes for kind, axes in _AXES.items() if isinstance(module, kind)), None)


def _is_matrix(module: Module, name: str) -> bool:
    """Whether the parameter is a matrix that is simply transposed."""
    if isinstance(module, MultiHeadAttention):
        return name == "in_proj_weight"
    return isinstance(module, _Recurrent) and name.startswith("weight_")


def _has_one_bias(module: Module) -> bool:
    return isinstance(module, _Recurrent) and not isinstance(module, GRU)


# -- helpers ---------------------------------------------------------------------------------------------


def _by_module(state: Mapping[str, Any], model: Module) -> list[tuple[str, Module, dict[str, np.ndarray]]]:
    """The arrays of `state` by the module that owns them: (path with its dot, module, {rest of the name: array})."""
    modules = {path: m for path, m in walk(model) if isinstance(m, Module)}
    groups: dict[str, dict[str, np.ndarray]] = {}
    for name, value in state.items():
        owner = owner_path(name, modules)
        array = value.numpy() if isinstance(value, Tensor) else np.asarray(value)
        groups.setdefault(owner, {})[name[len(owner) + 1 :] if owner else name] = array
    return [(f"{path}." if path else "", modules[path], arrays) for path, arrays in groups.items()]


def _checked_images(flatten: Mapping[str, ImageShape] | None, state: Mapping[str, Any]) -> Mapping[str, ImageShape]:
    for name in flatten or {}:
        if name not in state:
            raise CheckpointError(f"flatten: no weight called {name!r} in the state; it has {', '.join(state)}")
    return flatten or {}


def _check_axes(a: np.ndarray, n_axes: int, name: str, module: Module) -> None:
    if a.ndim != n_axes:
        kind = type(module).__name__
        raise CheckpointError(f"{name}: a {kind} weight has {n_axes} axes, this array has shape {a.shape}")


def _check_image(n: int, image: ImageShape, name: str) -> None:
    if len(image) != 3 or math.prod(image) != n:
        raise CheckpointError(f"flatten: {name} has {n} inputs, an image (C, H, W) = {tuple(image)} does not")
