"""The tabs below the map of Explore that move z."""
