"""Files that may be cut short, forged or half written: reading with care, replacing whole."""
