"""tracealloc: Python kernels to proved spatial accelerators."""
