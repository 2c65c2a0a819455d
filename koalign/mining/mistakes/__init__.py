"""Wrong answers -> clusters, and the problems to train on next."""
