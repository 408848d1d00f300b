"""What `bench/run` measures, one module for each idea. Every figure has its baseline from the same run beside it."""
