"""Problems as read -> problems to train on: splits, duplicates, leaks, and what became of every row."""
