"""What connections to upstream have in common, for either version of HTTP.

``pools``      one pool for each origin, and who makes their connections.
``connect``    makes a connection: DNS and TCP (``dial``), a proxy (``proxies``), TLS and ALPN.
``reception``  one request on its way and the response to it: time-outs, uploads, early ends.
``response``   a response as httpx knows it; ``fields`` are its header fields.
``outflow``    how far written bytes have come.
``timeouts``   the timer of a request.
``abort``      aborts a connection in every state.
``eof``        whether a peer has closed its side of a connection in an orderly way.
``keep_alive`` lets the system ask whether a silent peer is still there.
``words``      what an error says to people.
``bare``       a socket without a transport.
``stats``      the numbers of all connections.
``errors``     errors that httpx's own types do not distinguish.
"""
