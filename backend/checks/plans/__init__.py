"""How PostgreSQL would find what statements ask for."""
