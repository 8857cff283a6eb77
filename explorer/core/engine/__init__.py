"""A loaded model that answers: films, maps, pictures."""
