"""Worker processes of chaos: failpoints and jobs that compute a hash chain."""
