"""The visitor's own image in Explore: drawing, upload, result."""
