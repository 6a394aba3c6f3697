"""Images as values: layers, sizes, the final filesystem, and what differs between two images."""
