"""`python -m backend` is the command `backend`."""

if __name__ == "__main__":
    from backend.cli import main

    main()
