"""The interactive browser of an image. Only `app` and `listing` need a terminal."""
