"""What comes in, and answers that are not a row: one module a resource."""
