"""What the client sends.

``client_request``   the head, as the server hands it over.
``body``             the body: received to its end, streamed on, held as far as it is needed.
``hold_budget``      how much of all bodies is held at a time (pure).
``requested_model``  the model that a body names.
"""
