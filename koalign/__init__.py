"""koalign: alignment of Korean language models for exam-style work."""

__version__ = "0.1.0"
