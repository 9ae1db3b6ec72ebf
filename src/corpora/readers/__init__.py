"""One file per format of data files, and what several formats share."""
