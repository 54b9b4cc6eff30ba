"""What is found wrong before it ships: each module looks at one side of the house, and yields its findings."""
