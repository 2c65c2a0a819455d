"""What a run will need: memory, hours, disk and money, from config.json and counts, without a model."""
