"""Hogwild: processes that change the same weights in shared memory, and the sparse problems it was made for."""
