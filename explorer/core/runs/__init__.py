"""A training run on disk, seen from outside: files, status, commands. Imports no torch."""
