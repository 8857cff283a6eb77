"""Tensors and files. Knows no screen."""
