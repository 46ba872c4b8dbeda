"""What the error codes of schedules (TA2xx) mean; see `trace.diagnostics.codes`."""
