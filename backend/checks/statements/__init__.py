"""Statements against their functions, their Structs and the schema."""
