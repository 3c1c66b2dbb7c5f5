"""Attempts at claimed jobs, from inputs to results; connects the engine with jobs."""
