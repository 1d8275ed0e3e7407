"""Synchronous data parallelism: all ranks make the same update from the sum of their gradients."""
