"""Data sets, models, training, bundles, runs and the Engine, without a user interface."""
