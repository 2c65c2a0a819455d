"""Korean text and what stands in it: folding, n-grams, choices, TeX, characters to show."""
