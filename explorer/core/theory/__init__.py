"""The theory of variational autoencoders, computed on a trained model. Numpy arrays out; nats per image."""
