"""How can the image get smaller? One module a family of tips."""
