"""What connections to upstream have in common, whatever HTTP they carry.

``connect`` makes one: DNS and TCP (``dial``), by way of a proxy (``proxies``), TLS and ALPN.
``outflow`` knows how far written bytes have come, ``timeouts`` what may take how long, ``stats``
the numbers of all connections.
"""
