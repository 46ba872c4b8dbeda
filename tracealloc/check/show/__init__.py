"""What people look at: networks, timelines and loops as one page, traces for a wave viewer."""
