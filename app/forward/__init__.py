"""Forward-proxy mode: CONNECT on a port of its own (RFC 9110 §9.3.6).

A tunnel to the API's host ends here: it is served with a certificate for that name by the same
pipeline as every other request. All other tunnels are blind: their bytes are counted, not read.

``target``     host and port of a tunnel (pure).
``head``       the head of a CONNECT request, and its credentials (pure).
``addresses``  addresses that a blind tunnel may reach without being allowed (pure).
``policy``     what becomes of a request: served, tunnelled or refused (pure).
``loops``      whether the way to upstream leads back to this proxy.
``gate``       reads heads from accepted connections, decides and answers.
``reach``      connects a blind tunnel, to a checked address or through an egress proxy.
``tunnel``     moves bytes both ways, and ends.
``tunnels``    the open tunnels: their number, and their drain.
``intercepted``  requests inside a tunnel that ends here.
"""
