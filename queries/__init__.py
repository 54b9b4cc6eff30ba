"""All the SQL there is: one module an aggregate, each statement beside the Struct that it fills."""
