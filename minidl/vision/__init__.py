"""Vision: preprocessing, augmentation, models, and reading pictures."""
