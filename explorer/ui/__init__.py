"""The screen. Imports no torch."""
