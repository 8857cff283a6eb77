"""The exhibit /likelihood: what the decoder puts out, and what its loss has to do with a likelihood."""
