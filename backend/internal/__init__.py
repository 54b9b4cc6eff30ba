"""What operators run: the commands behind `backend`, one module for each group of them."""
