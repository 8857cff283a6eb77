"""Training runs on disk: their files, status and commands. Imports no torch."""
