"""What NumPy and CuPy name or do differently, behind one small protocol; no autograd in here."""

from .base import Backend, backend_of, current_backend, namespace_of, namespace_of_type, register, use_device

__all__ = ["Backend", "backend_of", "current_backend", "namespace_of", "namespace_of_type", "register", "use_device"]
