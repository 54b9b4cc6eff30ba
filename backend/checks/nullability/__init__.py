"""Which columns of a result may be NULL."""
