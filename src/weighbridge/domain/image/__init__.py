"""Images as values: layers, sizes, the final filesystem, and the differences between two images."""
