"""Keeps the settings of the form in the address line."""
