"""The view of a training run: curves, images and map of every epoch."""
