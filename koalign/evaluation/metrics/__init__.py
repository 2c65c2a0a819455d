"""Answers -> the score that an exam or a benchmark publishes."""
