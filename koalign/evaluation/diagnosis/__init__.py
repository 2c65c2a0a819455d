"""Signs that a model learned its training problems and not the subject."""
