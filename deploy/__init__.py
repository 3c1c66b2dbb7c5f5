"""The containers of a farm, and the check that runs them for real."""
