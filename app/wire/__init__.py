"""The rules of HTTP, each in one place, for both directions. Pure: bytes in, values out.

``grammar``     what the parts of a head may consist of.
``headers``     which header fields pass from one side to the other, and which are special.
``heads``       heads of requests and responses that must not be used.
``origin``      where requests go: an origin, and a base URL on one.
``trace_context`` the client's trace (W3C).
``target``      the request target, put on the base URL.
``timeouts``    how long upstream may take for what.
``limits``      sizes of HTTP/2, the protocol's and our own.
``roles``       how either side of an HTTP/2 connection begins.
``codec``       python-h2, corrected, for either side.
``data_frames`` a short way for DATA, inside the codec.
``header_frames`` a short way for the HEADERS of a request, inside the codec.
``header_encoder`` HPACK's encoder, which remembers.
``header_decoder`` HPACK's decoder, with a short way.
``frame_reader`` python-h2's reader of frames, corrected.
``frame_head``  the head of a frame.
``handover``    how chunks of a body go from hand to hand.
``assertions``  the private members of libraries that this rests on.
"""
