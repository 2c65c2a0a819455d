"""Hints and votes -> answers within a budget, their controls, and the report."""
