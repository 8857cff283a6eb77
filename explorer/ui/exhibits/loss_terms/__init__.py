"""The exhibit /loss-terms: each term of the loss alone, and both."""
