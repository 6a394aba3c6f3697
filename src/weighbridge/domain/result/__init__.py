"""The results of a run, image by image: values that its steps pass on, and that the report is made from."""
