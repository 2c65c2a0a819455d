"""board: one local site, read-only, for all runs below a folder."""
