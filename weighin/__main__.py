"""`python -m weighin`."""

from weighin import main

if __name__ == "__main__":
    main()
