"""Safe file access: atomic writes, and bounded reads of files and zips that may be damaged or forged."""
