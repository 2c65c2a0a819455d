"""data: pure functions on records; knows no model and no config."""
