"""Measurements: ``python -m benchmarks [names] [--quick] [--save]``. Nothing here is a test."""
