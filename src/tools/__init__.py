"""The tools that a person runs outside the pipeline, one file each. `python -m src TOOL` runs a tool."""

TOOLS = {
    "bench": "measures what a model costs to deploy: latency, throughput, memory, size",
    "card": "makes a folder for the hub: the model, and its card with the scores on test and unseen",
    "check": "checks whether a run is complete and sound: the workspace, an experiment, or a model alone",
    "compare": "compares experiments or files of predictions: means, baselines, tests of each pair, costs",
    "corpus": "makes a corpus.yaml from a data file; reports everything that is wrong with a corpus",
    "drift": "measures how far fine-tuning has moved an encoder from its base, layer by layer",
    "drive": "makes a folder of Google Drive the default remote of DVC",
    "ensemble": "combines predictions of several models: mean probabilities or a vote",
    "errors": "shows the mistakes in predictions: their categories, and the most confident ones",
    "predict": "predicts texts, lines of standard input, or a file of any size",
    "promote": "writes the best hyper-parameters of a search into tuned.yaml",
    "report": "writes a report: one HTML page with tables and figures, for a paper too",
    "represent": "saves the states of all layers of an encoder over validation examples",
    "score": "scores predictions: every metric of each split and group, categories of mistakes, calibration",
}
