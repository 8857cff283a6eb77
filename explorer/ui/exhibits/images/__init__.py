"""The image chooser of the exhibits."""
