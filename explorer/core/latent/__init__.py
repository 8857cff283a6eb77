"""Operations on latent vectors: paths, directions, two-dimensional maps, support. No model."""
