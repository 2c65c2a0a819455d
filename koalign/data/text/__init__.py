"""Korean text as measured: scripts, n-grams and TF-IDF vectors."""
