"""Start-up, listening and graceful shutdown (behaviour D1, D2).

The map:

``sockets``      binds the ports.
``port_failure`` says in words why one cannot be listened on.
``exposure``     warns when strangers may use the proxy.
``addresses``    where the server listens.
``certificate``  the certificate to serve with, and its daily renewal.
``forwarding``   the forward proxy's port.
``serving``      everything in order: certificate, ports, lifespan, listeners, drain.
``alone``        serves with this process alone; `app.workers` does with several.
``loop``         the event loop.
``drain``        the steps of a graceful shutdown, and how long each may take.
``signals``      SIGTERM and SIGINT, and the watchdog over a shutdown.
"""
