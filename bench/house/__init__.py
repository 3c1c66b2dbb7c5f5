"""The size of the code base, and of what a reader of four requests meets."""
