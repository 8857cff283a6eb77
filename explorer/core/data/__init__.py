"""Data sets, folders and uploads of images, as arrays."""
