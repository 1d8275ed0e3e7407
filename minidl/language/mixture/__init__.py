"""Several language models as one: n-gram and neural, both together (Deep Learning, section 12.4.4)."""

from .linear import LinearMixture, ensemble, fit_weights, weight_curve
from .log_linear import LogLinearMixture

__all__ = ["LinearMixture", "LogLinearMixture", "ensemble", "fit_weights", "weight_curve"]
