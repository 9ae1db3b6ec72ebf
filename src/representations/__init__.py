"""States of an encoder: extraction, files, and how far fine-tuning has moved them."""
