"""Our engine, measured: each module is the work of one child process."""
