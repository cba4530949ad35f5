"""The nodes under a stopwatch, for `gpnet bench ros`."""
