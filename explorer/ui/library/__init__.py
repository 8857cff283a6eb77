"""The Library page: the models and training runs on this machine."""
