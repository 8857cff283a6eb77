"""The Engine: a loaded model with its gallery, maps and films; and a visitor's own images and models."""
