"""Hidden states of an encoder: extraction, files, and drift by fine-tuning."""
