"""The screen: what a visitor sees and touches. Knows no torch."""
