"""The page Library: models and training runs on this machine."""
