"""adapters: the base model, and LoRA adapters as things with a card, an id and exact stacks."""
