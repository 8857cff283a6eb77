"""The mathematics of the exhibits: one module for each, with equation and source; numpy arrays out."""
