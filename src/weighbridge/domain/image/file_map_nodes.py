"""How many files and folders the file maps of a run have. Separate from the map: the configuration imports it alone."""

MAXIMUM_NODES = 250_000
"""Files and folders of the maps of one run: every file of an image of 200,000 files."""
MINIMUM_NODES = 10_000
"""Files and folders that each map of a run may have, however many images the run has."""
