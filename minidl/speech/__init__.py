"""Speech: features, Gaussian mixtures, hidden Markov models, then neural acoustic models (Deep Learning, section 12.3)."""
