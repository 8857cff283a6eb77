"""The variational autoencoder: networks, likelihoods, the objective, encoding a data set."""
