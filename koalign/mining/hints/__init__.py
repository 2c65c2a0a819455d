"""Candidate hints -> screened abstractions, and the examples of the answer adapter."""
