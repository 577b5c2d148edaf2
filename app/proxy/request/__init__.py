"""What the client sends.

``client_request``   the head, as the server hands it over.
``inbound``          what comes, received to the end of the request.
``body``             the body for upstream: streamed on, held as far as it is needed.
``hold_budget``      how much of all bodies is held at a time (pure).
``requested_model``  the model that a body names.
"""
