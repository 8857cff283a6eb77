"""The exhibit /lower-bound: the evidence, the bound and the gap between them, exactly."""
