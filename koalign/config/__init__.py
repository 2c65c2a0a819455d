"""koalign.yaml -> one frozen Config: inputs, sections, and how files are read into them."""
