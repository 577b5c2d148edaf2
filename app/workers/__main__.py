"""``python -m app.workers``: how a supervisor starts a worker."""

from ..imports import load

if __name__ == "__main__":
    load("workers.worker").main()
