"""The main job: one module per step, in the order that `weigh` calls them."""
