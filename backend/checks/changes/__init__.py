"""What is different from the last release: migrations, and the contract with clients."""
