"""One function a page."""
