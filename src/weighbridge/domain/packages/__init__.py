"""What is installed in an image: packages of distributions and of languages, with their bytes. `find` finds them."""
