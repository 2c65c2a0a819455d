"""Samples -> preference pairs, and the report on the whole set."""
