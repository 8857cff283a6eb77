"""The bar of a running lecture, on every page: progress, note to self, and the keys of a presenter's remote."""
