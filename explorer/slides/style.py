"""Colours and text sizes of the slides."""

INK, FAINT = "#16161a", "#5c5f6a"
ACCENT = "#b3125a"  # only for what moves: z, t, the epoch
A_COLOUR, B_COLOUR = "#0f766e", "#b45309"
TITLE, TEXT, SMALL = 48, 36, 28
MARGIN = 60
