"""One module per field and per way to run in parallel: ``python -m demos.NAME``."""
