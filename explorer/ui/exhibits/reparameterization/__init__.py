"""The exhibit /reparameterization: sampling that gradients can pass."""
