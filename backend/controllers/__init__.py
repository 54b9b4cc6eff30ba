"""The routes: one controller a resource, a line or two a method."""
