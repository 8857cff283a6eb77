"""The exhibit /prior: whether a normal prior is too simple, and where it draws what no image supports."""
