"""What a person runs beside the pipeline, one file per command; each says its command line in its first lines."""
