"""Training data out of the own verified answers of a model. Pure: knows no model and no disk."""
