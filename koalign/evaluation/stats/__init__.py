"""Intervals, paired tests and resampling; every figure of koalign with an uncertainty comes from here."""
