"""The command line: click and rich live here and nowhere else; a command is short and calls one library function."""
