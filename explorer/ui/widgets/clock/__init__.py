"""A timer in the browser that reruns a fragment."""
