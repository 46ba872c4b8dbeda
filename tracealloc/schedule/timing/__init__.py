"""How often a pipelined loop can start: recurrences, banks and their ports."""
