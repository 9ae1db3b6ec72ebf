"""One file per DVC stage: it connects the parts and writes the outputs."""
