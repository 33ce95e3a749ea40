"""What people tell Outrider itself, and what it shows and erases of what it keeps."""
