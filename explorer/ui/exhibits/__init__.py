"""The exhibits: one page for each part of the theory, every number computed live."""
