"""``python -m tracealloc`` is the command line tool."""

from tracealloc.cli import main

if __name__ == "__main__":
    main()
