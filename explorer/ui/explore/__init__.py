"""The page Explore, with a module or folder for each of its parts."""
