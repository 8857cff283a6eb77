"""One component of the page: its panel, markup, style and script."""
