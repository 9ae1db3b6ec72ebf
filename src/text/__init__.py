"""Words of a text, forms of Hebrew words, canonical idioms in a sentence."""
