"""Real API processes over HTTP: streams, long polls, keys, slow clients."""
