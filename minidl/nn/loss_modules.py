"""The losses of ``losses.py`` as modules: settings given once, then ``loss(prediction, target)``."""

from __future__ import annotations

from typing import Any

from . import losses
from .module import Module
from .tree import Buffer


class _Loss(Module):
    def __init__(self, reduction: str = "mean") -> None:
        self.reduction = reduction

    def extra_repr(self) -> str:
        return "" if self.reduction == "mean" else f"reduction={self.reduction!r}"


class CrossEntropyLoss(_Loss):
    """See :func:`~minidl.nn.losses.cross_entropy`."""

    def __init__(
        self,
        weight: Any = None,
        ignore_index: int | None = -100,
        label_smoothing: float = 0.0,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction)
        self.weight = None if weight is None else Buffer(weight)
        self.ignore_index, self.label_smoothing = ignore_index, label_smoothing

    def forward(self, logits: Any, target: Any) -> Any:
        return losses.cross_entropy(
            logits, target, self.weight, self.ignore_index, self.label_smoothing, self.reduction
        )


class NLLLoss(_Loss):
    """See :func:`~minidl.nn.losses.nll`."""

    def __init__(self, weight: Any = None, ignore_index: int | None = -100, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.weight = None if weight is None else Buffer(weight)
        self.ignore_index = ignore_index

    def forward(self, log_p: Any, target: Any) -> Any:
        return losses.nll(log_p, target, self.weight, self.ignore_index, self.reduction)


class MSELoss(_Loss):
    """See :func:`~minidl.nn.losses.mse`."""

    def forward(self, prediction: Any, target: Any) -> Any:
        return losses.mse(prediction, target, self.reduction)


class L1Loss(_Loss):
    """See :func:`~minidl.nn.losses.l1`."""

    def forward(self, prediction: Any, target: Any) -> Any:
        return losses.l1(prediction, target, self.reduction)


class HuberLoss(_Loss):
    """See :func:`~minidl.nn.losses.huber`."""

    def __init__(self, delta: float = 1.0, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.delta = delta

    def forward(self, prediction: Any, target: Any) -> Any:
        return losses.huber(prediction, target, self.delta, self.reduction)


class BCEWithLogitsLoss(_Loss):
    """See :func:`~minidl.nn.losses.bce_with_logits`."""

    def __init__(self, pos_weight: Any = None, reduction: str = "mean") -> None:
        super().__init__(reduction)
        array = hasattr(pos_weight, "dtype")
        self.pos_weight = Buffer(pos_weight) if array else pos_weight

    def forward(self, logits: Any, target: Any) -> Any:
        return losses.bce_with_logits(logits, target, self.pos_weight, self.reduction)


class HingeLoss(_Loss):
    """See :func:`~minidl.nn.losses.hinge`."""

    def __init__(self, margin: float = 1.0, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.margin = margin

    def forward(self, score: Any, target: Any) -> Any:
        return losses.hinge(score, target, self.margin, self.reduction)


class MultiMarginLoss(HingeLoss):
    """See :func:`~minidl.nn.losses.multi_margin`."""

    def forward(self, scores: Any, target: Any) -> Any:
        return losses.multi_margin(scores, target, self.margin, self.reduction)


class KLDivLoss(_Loss):
    """See :func:`~minidl.nn.losses.kl_divergence`."""

    def __init__(self, log_target: bool = False, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.log_target = log_target

    def forward(self, log_q: Any, p: Any) -> Any:
        return losses.kl_divergence(log_q, p, self.log_target, self.reduction)
