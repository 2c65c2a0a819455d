"""pages: a view -> a template and what it shows, a file a subject."""
