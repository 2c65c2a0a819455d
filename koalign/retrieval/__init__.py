"""passages: an index of documents, what is found in it for a problem, and what the passages are worth."""
