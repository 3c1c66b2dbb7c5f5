"""The side with the GPU: one process per device, one job at a time."""
