"""One file per DVC stage: which parts are wired, and what is written."""
