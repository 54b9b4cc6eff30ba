"""What is told to whoever operates the service, and not to its clients."""


class OperatorError(Exception):
    """A mistake of an operator, or something only he can mend. Its text is the one line that he is shown."""
