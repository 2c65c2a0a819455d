"""What is asked of a benchmark, what an answer earns, and how two evaluations differ."""
