"""/v1/assets: uploaded pictures."""
