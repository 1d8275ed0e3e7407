"""Language models: n-gram, neural, and both together; see ``python -m demos.language --help``."""
