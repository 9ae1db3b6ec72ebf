"""A report: one HTML page with the figures and tables of a paper, made of predictions and what DVC keeps beside them.

The page needs no network and no script; its figures are SVG in the page itself.
"""
