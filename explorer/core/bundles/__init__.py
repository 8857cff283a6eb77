"""A trained model on disk: its format, the folder of bundles, building one."""
