"""The Train page: one module or folder for each part."""
