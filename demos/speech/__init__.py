"""Speech: from Gaussian mixtures to neural networks in one recogniser; see ``python -m demos.speech --help``."""
