"""A training run on disk: its files, its status, commands on it. Imports no torch."""
