"""What `backend new resource` writes: read from the words of the command, rendered, planned, written or taken back."""
