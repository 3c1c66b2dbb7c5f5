"""What is concluded from a chaos episode: invariants and recovery times."""
