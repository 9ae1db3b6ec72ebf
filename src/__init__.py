"""Fine-tunes encoders to tell idiomatic from literal language; see README.md."""
