"""The variational autoencoder: networks, likelihoods, objective, and the encoding of a whole split."""
