"""training: change a model: SFT and DPO on TRL, resumable, adapters only."""
