"""Exam files -> Problems, Rankings and Drops, one file a family; rows in = what comes out."""
