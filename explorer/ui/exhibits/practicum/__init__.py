"""The exhibit /practicum: a walk through the practicum over a recorded run, by keys alone."""
