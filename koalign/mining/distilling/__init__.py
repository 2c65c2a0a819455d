"""A teacher's rationales -> verified traces, mixed with the policy's own."""
