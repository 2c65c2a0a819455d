"""A system and the items of a benchmark, or problems to solve -> what it answered and earned."""
