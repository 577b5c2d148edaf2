"""The rules of HTTP, each in one place, for both directions. Pure: bytes in, values out.

``headers``  which header fields pass from one side to the other.
``target``   the request target and the origin that it is sent to.
"""
