"""The pipeline, a file a stage. Stages meet on disk, never by import."""
