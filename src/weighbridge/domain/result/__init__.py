"""What a run finds out, image by image: values that its steps hand on, and that the report is assembled from."""
