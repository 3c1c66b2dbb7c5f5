"""One claimed job from inputs to result: where the engine meets the job."""
