"""Samples the registry every 1.5 s, once for all watchers.

- ``sampler``    one collection, one frozen `Snapshot`, one point in the ring.
- ``samples``    pure: sums and quantiles of a collection.
- ``ring``       pure: the points of the last five minutes, and the rates between them.
- ``alerts``     pure: which figures exceed their threshold.
- ``snapshot``   pure: the JSON document.
- ``broadcast``  sends the same event to every watcher; a slow watcher gets the newest.
"""
