"""The farm under chaos: its proxy, its standby, and who talks to its API servers."""
