"""Completions -> verdicts: the answer that a text commits to, read by rule and held against the key."""
