"""What one visitor has chosen, and the link that restores it."""
