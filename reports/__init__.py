"""What people look at: tables and, from labelled datasets alone, pictures."""
