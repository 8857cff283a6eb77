"""The map of Explore: a Plotly chart, and an overlay for everything on it that moves."""
