"""Lectures: shipped ones, the editor on the page of the exhibits, and the bar with which a lecture is walked."""
