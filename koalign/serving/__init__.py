"""serving: runs and their adapters over HTTP: a board to look at, a model to ask."""
