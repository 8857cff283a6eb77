"""Data sets, image folders and uploaded zips, loaded as numpy arrays."""
