"""Bundles (trained models on disk): the format, loading and saving, building one, managing a folder of them."""
