"""The list of lectures on the page of the exhibits, and the editor of the visitor's own."""
