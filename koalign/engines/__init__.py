"""Prompt token ids in, samples and log-probabilities out: hf, vllm, endpoint and scripted."""
