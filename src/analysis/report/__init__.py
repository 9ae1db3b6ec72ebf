"""Renders a report: one HTML page with the figures and tables of a paper, from predictions and from DVC's files.

The page needs no network and no script. Its figures are SVG elements in the page.
"""
