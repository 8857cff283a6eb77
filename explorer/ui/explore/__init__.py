"""The page Explore: one module or folder for each of its parts."""
