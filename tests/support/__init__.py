"""What several tests share: made-up files, small models, servers and the koalign command."""
