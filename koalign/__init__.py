"""koalign: alignment of Korean language models for exam-style work."""

import logging

__version__ = "0.1.0"

# On CPUs with AVX512-BF16 it reports an optional kernel that koalign does not use.
logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
