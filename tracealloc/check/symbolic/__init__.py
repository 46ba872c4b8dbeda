"""Programs run on symbols: what each element holds in the end, as a term over what came in."""
