"""Vectors of the latent space: paths, directions, maps. Knows no model."""
