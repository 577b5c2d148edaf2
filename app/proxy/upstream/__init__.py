"""The way to upstream and back, one attempt after the other.

``upstream``   makes the attempts; `app.proxy.retry` decides how many.
``request``    what goes: head and body.
``response``   what comes, whose closing the holder owns.
``attempts``   counts attempts and retries, for the record.
``failures``   what an error of the transport means.
"""
