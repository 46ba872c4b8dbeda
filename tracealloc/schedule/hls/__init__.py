"""What a text for HLS needs beyond a lowered program: pipelines, bounds, ports, distances; its facts."""
