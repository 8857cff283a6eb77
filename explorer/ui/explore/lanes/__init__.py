"""The interpolation lanes of Explore."""
