"""State of one browser tab, the links that restore it, and its messages to the visitor."""
