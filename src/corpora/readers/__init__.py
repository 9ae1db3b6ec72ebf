"""One file per format of data files, and code that several formats share."""
