"""Reads of jobs, their events and the queue; nothing here writes."""
