"""Several processes that serve as one (``WORKERS``, behaviour D5).

A supervisor binds the ports and starts the workers, which accept from the same two sockets. Each
has a channel to the supervisor, a pair of connected Unix sockets that no other process can open.
Workers answer the pages; what these show comes from the supervisor, which asks every worker.

``backoff``     when a worker that has ended is started again. Pure.
``messages``    the messages of a channel, as bytes. Pure.
``channel``     questions and answers over one socket.
``reports``     the metrics of one process, as a message. Pure.
``merging``     the metrics of all processes as those of one. Pure.
``service``     what the workers have reported, also those that are gone.
``hub``         asks the workers, and answers them for all.
``process``     one worker as its supervisor sees it.
``supervisor``  starts the workers, again if one ends, and drains them.
``shares``      the settings of one worker: limits are divided.
``worker``      a process that serves; ``view`` is what its pages show.
"""
