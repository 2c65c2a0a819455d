"""The koalign command. One file a family of commands."""
