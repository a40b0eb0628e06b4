"""An image that may not be forked."""

import threading


def warm() -> None:
    threading.Thread(target=threading.Event().wait, daemon=True).start()


def run() -> None: ...
