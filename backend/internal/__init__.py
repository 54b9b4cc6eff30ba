"""What operators run: the commands behind `backend`, one module for each group of them."""


class OperatorError(Exception):
    """Something that whoever runs the command can put right; its text is the one line to print."""
