"""The exhibit /autoencoders: autoencoder, VAE and beta-VAE from one seed."""
