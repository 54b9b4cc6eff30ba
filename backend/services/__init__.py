"""Decisions between two statements, and whatever lies outside the database."""
