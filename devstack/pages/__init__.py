"""What the pages that the stack serves have in common."""
