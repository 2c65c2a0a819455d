"""Wrong answers -> clusters of problems to train on next."""
