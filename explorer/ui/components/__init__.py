"""The browser parts: one folder each, its wrapper in __init__.py; film.js is what they share."""
