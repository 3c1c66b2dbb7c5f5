"""Model of the life of jobs, for stateful tests by Hypothesis."""
