"""Korean text as measured: scripts and n-grams."""
