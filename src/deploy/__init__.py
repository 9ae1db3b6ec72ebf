"""Forms in which a model can be deployed, and how fast they are."""
