"""Reader of the recipe in an image file."""
