"""One command a file, found by the file's name; each defines `command`, and its first docstring line is its summary."""
