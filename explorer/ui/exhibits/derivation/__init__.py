"""The exhibit /derivation: every line of the derivation of the loss with the value of every term."""
