"""What was found, as tables in a terminal and as one HTML page."""
