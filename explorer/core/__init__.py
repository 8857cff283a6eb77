"""Tensors and files: data, model, objective, training, bundles, maps, and the Engine that answers. Knows no screen."""
