"""The page Train: one module or folder for each of its parts."""
