"""The steps of the main job: each between two of the edges, in the order in which `weigh` takes them."""
