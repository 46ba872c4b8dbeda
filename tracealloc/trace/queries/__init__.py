"""What is asked of programs and expressions alone: affine forms, ranges, types of results, summaries."""
