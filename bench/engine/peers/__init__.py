"""Other engines (peers): their list, their environments, and a driver for each."""
