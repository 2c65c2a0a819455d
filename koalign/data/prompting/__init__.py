"""Problems -> prompts and their token ids; the only place where text for a model is made."""
