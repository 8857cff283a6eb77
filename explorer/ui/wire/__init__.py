"""Packets between the server and the components, and the scripts that all components share."""
