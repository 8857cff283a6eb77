"""The exhibit /factors: the graphical model, run forwards and backwards, and which dimension carries which factor."""
