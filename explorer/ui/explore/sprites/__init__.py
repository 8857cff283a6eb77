"""Thumbnails for the hover card of the map."""
