"""What commands print: tables as wide as the terminal, trees, progress."""
