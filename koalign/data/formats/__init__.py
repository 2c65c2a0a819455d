"""formats: exam files -> Problems, one file a family."""
