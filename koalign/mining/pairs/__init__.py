"""Graded samples -> preference pairs, and what is said of the whole set."""
