"""Tables, policies, rights and functions, as they are in the catalogue."""
