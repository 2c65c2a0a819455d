"""Candidate hints -> screened abstractions, and the traces that teach answering with them."""
