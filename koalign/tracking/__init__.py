"""What happened in a run, and how trackers get to know it."""
